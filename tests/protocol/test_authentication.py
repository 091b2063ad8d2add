"""Log-in by SCRAM-SHA-256: who gets in, who does not, and that nobody learns more than that."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from protocol.authentication import (
    AccessRole,
    ClientLogIn,
    ServerLogIn,
    Verifier,
    decoy_verifier,
    make_verifier,
    name_of,
)
from protocol.errors import Code, TradeError
from protocol.messages import LoggedIn, LogIn, LogInChallenge, LogInProof

ROUNDS = 4096
"""As few as the RFC allows, to keep the tests quick."""

SECRET = b"a server's own secret"
VERIFIER = make_verifier("pencil", AccessRole.WORKLOAD, iterations=ROUNDS)

# The exchange that RFC 7677, section 3, prints.
RFC_SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
RFC_CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO"
RFC_SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
RFC_NONCE = RFC_CLIENT_NONCE + RFC_SERVER_NONCE


def log_in(name: str, password: str, verifier: Verifier) -> str:
    """Run a whole exchange and return the role that it opened."""
    client, server = ClientLogIn(name, password), ServerLogIn(verifier)
    return client.finish(server.judge(client.prove(server.challenge(client.first()))))


def refused(attempt: Callable[[], object]) -> TradeError:
    """The refusal of an attempt, which must be LOGIN_FAILED."""
    with pytest.raises(TradeError) as caught:
        attempt()
    assert caught.value.code is Code.LOGIN_FAILED
    return caught.value


def attempt_to_get_in(texts: tuple[str, str]) -> None:
    """Send a server these two texts; anything but a `TradeError` LOGIN_FAILED comes out."""
    server = ServerLogIn(VERIFIER, nonce="server")
    try:
        server.challenge(LogIn("SCRAM-SHA-256", texts[0]))
    except TradeError as refusal:
        assert refusal.code is Code.LOGIN_FAILED
    refused(lambda: server.judge(LogInProof(texts[1])))


def test_the_exchange_of_the_rfc_goes_as_the_rfc_prints_it() -> None:
    verifier = make_verifier("pencil", AccessRole.USER, salt=RFC_SALT, iterations=4096)
    client = ClientLogIn("user", "pencil", nonce=RFC_CLIENT_NONCE)
    server = ServerLogIn(verifier, nonce=RFC_SERVER_NONCE)
    first = client.first()
    assert first == LogIn("SCRAM-SHA-256", f"n,,n=user,r={RFC_CLIENT_NONCE}")
    challenge = server.challenge(first)
    assert challenge == LogInChallenge(f"r={RFC_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096")
    proof = client.prove(challenge)
    assert proof == LogInProof(
        f"c=biws,r={RFC_NONCE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    verdict = server.judge(proof)
    assert verdict == LoggedIn("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "user")
    assert client.finish(verdict) == "user"


@pytest.mark.parametrize("role", AccessRole)
def test_a_good_password_opens_the_role_of_the_verifier(role: AccessRole) -> None:
    verifier = make_verifier("pencil", role, iterations=ROUNDS)
    assert log_in("alice", "pencil", verifier) == role.value


@pytest.mark.parametrize("password", ["", "Pencil", "pencil ", "x" * 500])
def test_a_bad_password_is_refused(password: str) -> None:
    refused(lambda: log_in("alice", password, VERIFIER))


@pytest.mark.parametrize("password", ["", "pencil", "x" * 500])
def test_an_unknown_name_is_refused_with_the_same_words_as_a_bad_password(password: str) -> None:
    unknown = refused(lambda: log_in("nobody", password, decoy_verifier("nobody", SECRET)))
    bad = refused(lambda: log_in("alice", "wrong", VERIFIER))
    assert unknown.message == bad.message


def test_a_decoy_is_the_same_for_a_name_each_time_and_another_for_another_name_or_secret() -> None:
    decoy = decoy_verifier("nobody", SECRET)
    assert decoy_verifier("nobody", SECRET) == decoy
    for other in (decoy_verifier("nobodi", SECRET), decoy_verifier("nobody", b"other secret")):
        assert other.salt != decoy.salt
        assert other.stored_key != decoy.stored_key


def test_a_decoy_looks_like_a_verifier_of_a_new_password() -> None:
    decoy, real = decoy_verifier("nobody", SECRET), make_verifier("pencil", AccessRole.USER)
    assert decoy.iterations == real.iterations
    assert len(decoy.salt) == len(real.salt)


def test_verifiers_of_one_password_differ_and_do_not_hold_it() -> None:
    other = make_verifier("pencil", AccessRole.WORKLOAD, iterations=ROUNDS)
    assert other.salt != VERIFIER.salt
    assert other.stored_key != VERIFIER.stored_key
    assert b"pencil" not in VERIFIER.salt + VERIFIER.stored_key + VERIFIER.server_key


def test_nonces_differ_from_log_in_to_log_in_at_both_ends() -> None:
    firsts = {ClientLogIn("alice", "pencil").first().client_first for _ in range(20)}
    assert len(firsts) == 20
    first = ClientLogIn("alice", "pencil", nonce="client").first()
    challenges = {ServerLogIn(VERIFIER).challenge(first).server_first for _ in range(20)}
    assert len(challenges) == 20


def test_a_recorded_proof_does_not_fit_the_next_challenge() -> None:
    client, server, later = ClientLogIn("a", "pencil"), ServerLogIn(VERIFIER), ServerLogIn(VERIFIER)
    first = client.first()
    proof = client.prove(server.challenge(first))
    server.judge(proof)
    later.challenge(first)
    refused(lambda: later.judge(proof))


class TestServerThatCheats:
    """The client notices, and says so."""

    def setup_method(self) -> None:
        self.client, server = ClientLogIn("alice", "pencil"), ServerLogIn(VERIFIER)
        self.verdict = server.judge(self.client.prove(server.challenge(self.client.first())))

    def test_a_tampered_last_text(self) -> None:
        signature = bytearray(base64.b64decode(self.verdict.server_final.removeprefix("v=")))
        signature[0] ^= 1
        tampered = LoggedIn("v=" + base64.b64encode(signature).decode(), self.verdict.role)
        refusal = refused(lambda: self.client.finish(tampered))
        assert "do not trust it" in refusal.message

    @pytest.mark.parametrize("text", ["", "v=", "v=%%%", "e=other-error", "x", "v=AA==,v=AA=="])
    def test_a_last_text_that_proves_nothing(self, text: str) -> None:
        refused(lambda: self.client.finish(LoggedIn(text, "administrator")))

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "r=other,s=c2FsdHNhbHRzYWx0,i=4096",
            "r=client,s=c2FsdHNhbHRzYWx0,i=4096",
            "r=client+,s=c2FsdHNhbHRzYWx0,i=1",
            "r=client+,s=c2FsdHNhbHRzYWx0,i=99999999999",
            "r=client+,s=c2FsdHNhbHRzYWx0,i=" + "9" * 4000,
            "r=client+,s=!,i=4096",
            "e=unknown-user",
        ],
    )
    def test_a_challenge_that_would_make_the_proof_cheap_or_endless(self, text: str) -> None:
        client = ClientLogIn("alice", "pencil", nonce="client")
        client.first()
        refused(lambda: client.prove(LogInChallenge(text)))


class TestGarbage:
    """Whatever the texts, only LOGIN_FAILED comes out."""

    SCRAM_LIKE = st.text(alphabet="nyprcsivem=,+/%A1\0\xad é", max_size=40)
    ANY = st.text(max_size=60) | SCRAM_LIKE

    @settings(deadline=None)
    @given(st.tuples(ANY, ANY))
    @example(("n,,n=a,r=client", "c=biws,r=clientserver,p="))
    @example(("n,,n=a,r=client", "c=biws,r=clientserver,p=AAAA"))
    @example(("n,,n=a,r=client", "c=biws,r=client,p=" + "A" * 43 + "="))
    @example(("n,,n=a,r=client", "p=AAAA,c=biws,r=clientserver"))
    @example(("p=tls-unique,,n=a,r=client", ""))
    @example(("n,,m=x,n=a,r=client", ""))
    @example(("n,,n=a=2,r=client", ""))
    def test_from_a_client(self, texts: tuple[str, str]) -> None:
        attempt_to_get_in(texts)

    @settings(deadline=None)
    @given(ANY)
    def test_from_a_server(self, text: str) -> None:
        client = ClientLogIn("alice", "pencil", nonce="client")
        client.first()
        refused(lambda: client.prove(LogInChallenge(text)))

    @settings(deadline=None)
    @given(ANY, ANY)
    def test_as_the_first_text_to_find_a_name_in(self, mechanism: str, text: str) -> None:
        for message in (LogIn(mechanism, text), LogIn("SCRAM-SHA-256", text)):
            try:
                assert name_of(message)
            except TradeError as refusal:
                assert refusal.code is Code.LOGIN_FAILED

    @pytest.mark.parametrize(
        ("name", "password"), [("", "pencil"), ("a\x00b", "pencil"), ("alice", "pen\x07cil")]
    )
    def test_as_name_or_password(self, name: str, password: str) -> None:
        refused(lambda: ClientLogIn(name, password))

    def test_as_a_new_password(self) -> None:
        refused(lambda: make_verifier("pen\x07cil", AccessRole.USER, iterations=ROUNDS))


def test_steps_out_of_order_are_refused() -> None:
    refused(lambda: ServerLogIn(VERIFIER).judge(LogInProof("c=biws,r=x,p=AAAA")))
    refused(lambda: ClientLogIn("a", "b").prove(LogInChallenge("r=x,s=c2FsdHNhbHRzYWx0,i=4096")))
    refused(lambda: ClientLogIn("a", "b").finish(LoggedIn("v=AAAA", "user")))


@pytest.mark.parametrize(
    ("client_first", "name"),
    [("n,,n=alice,r=x", "alice"), ("y,,n=a.b-c@d_e,r=x", "a.b-c@d_e"), ("n,a=bob,n=al,r=x", "al")],
)
def test_the_name_is_found_in_the_first_text(client_first: str, name: str) -> None:
    assert name_of(LogIn("SCRAM-SHA-256", client_first)) == name


@pytest.mark.parametrize(
    "log_in_message",
    [
        LogIn("PLAIN", "n,,n=alice,r=x"),
        LogIn("SCRAM-SHA-1", "n,,n=alice,r=x"),
        LogIn("SCRAM-SHA-256", "n,,n=,r=x"),
        LogIn("SCRAM-SHA-256", ""),
    ],
)
def test_without_a_name_or_with_another_mechanism_there_is_no_log_in(log_in_message: LogIn) -> None:
    refused(lambda: name_of(log_in_message))
