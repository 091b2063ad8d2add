"""Store contract: what processes tell each other of accounts, and how new those are."""

from twisted.internet.defer import Deferred

from ledger.store import AccountsAnnounced
from tests.ledger.bench import Bench
from tests.ledger.teller import Teller


async def changed_accounts_are_announced_to_who_listens_with_their_newest_entry(
    bench: Bench,
) -> None:
    heard: Deferred[AccountsAnnounced] = Deferred()
    listening = await bench.store().listen_accounts(heard.callback)
    assert not listening.is_closed
    await bench.store().announce_changed("triggers/0", {"ann": 7, "-._@": 2**62})
    assert await heard == AccountsAnnounced("triggers/0", {"ann": 7, "-._@": 2**62}, [])


async def watched_accounts_are_announced_to_who_listens(bench: Bench) -> None:
    heard: Deferred[AccountsAnnounced] = Deferred()
    await bench.store().listen_accounts(heard.callback)
    await bench.store().announce_watched("node-2", ["ann", "bob"])
    assert await heard == AccountsAnnounced("node-2", {}, ["ann", "bob"])


async def many_accounts_are_announced_whole_each_time_with_who_says_it(bench: Bench) -> None:
    users = [f"{n:064}" for n in range(500)]
    heard: list[str] = []
    complete: Deferred[None] = Deferred()

    def listen(announced: AccountsAnnounced) -> None:
        assert announced.by == "node-1"
        heard.extend(announced.watched)
        if len(heard) == len(users):
            complete.callback(None)

    await bench.store().listen_accounts(listen)
    await bench.store().announce_watched("node-1", users)
    await complete
    assert heard == users


async def how_new_accounts_are_is_told_of_those_that_have_an_entry(bench: Bench) -> None:
    teller = await Teller.open(bench.store())
    await teller.open_account("ann", 100)
    await teller.run("ann", "ADD", 1)
    await teller.open_account("bob", 100)
    assert await bench.store().seqs(["ann", "bob", "carl"]) == {"ann": 2, "bob": 1}
    assert await bench.store().seqs([]) == {}
