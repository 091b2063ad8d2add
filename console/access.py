"""Who may use the console, by twisted.cred: operators and administrators, and nobody by guessing.

Used by `console.telnet`. Passwords are judged by the verifiers that daemons use, in a thread,
because that takes long on purpose.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, TypeVar

from msgspec import Struct
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from console.settings import ConsoleSettings
from protocol.authentication import AccessRole, Verifier, decoy_verifier, is_password_of
from service.credentials import VerifierSource

T = TypeVar("T")

FORGET_S = 900.0
"""After this long without a wrong password the count begins anew."""

NAMES_MAX = 1_000

_ROLES = (AccessRole.OPERATOR, AccessRole.ADMINISTRATOR)


RecordLogIn = Callable[[str, str, str, bool], None]
"""Called with the name, the address, a remark, and whether the log-in was refused."""


class RunInThread(Protocol):
    """Runs blocking work elsewhere: in a service, `deferToThreadPool` with a pool."""

    def __call__(self, work: Callable[[], T]) -> Deferred[T]:
        """Run the work; fires or fails, in the reactor's thread, as it ends."""
        ...


class Person(Struct, frozen=True):
    """Who is at the console."""

    name: str
    role: AccessRole
    origin: str

    @property
    def avatar_id(self) -> bytes:
        """The person as twisted.cred wants it."""
        return f"{self.role.value} {self.name}".encode()

    @classmethod
    def of(cls, avatar_id: bytes, origin: str) -> "Person":
        """The person behind an avatar id, at an address."""
        role, _, name = avatar_id.decode().partition(" ")
        return cls(name, AccessRole(role), origin)


class Typed(UsernamePassword):
    """A name and a password, and from where they were typed."""

    def __init__(self, username: bytes, password: bytes, origin: str) -> None:
        super().__init__(username, password)
        self.origin = origin


class Guard:
    """Makes whoever guesses wait: by name, so that many connections gain nothing."""

    def __init__(self, clock: IReactorTime, settings: ConsoleSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def delay_s(self, name: str) -> float:
        """How long the next try for a name has to wait."""
        count, last_s = self._wrong.get(name, (0, 0.0))
        more = count - self._settings.tries_free
        if more < 0 or self._clock.seconds() - last_s > FORGET_S:
            return 0.0
        return float(min(self._settings.delay_s_max, self._settings.delay_s * 2 ** min(more, 10)))

    def was_wrong(self, name: str) -> None:
        """Count a wrong password."""
        count, last_s = self._wrong.pop(name, (0, 0.0))
        if self._clock.seconds() - last_s > FORGET_S:
            count = 0
        self._wrong[name] = count + 1, self._clock.seconds()
        if len(self._wrong) > NAMES_MAX:
            self._wrong.popitem(last=False)

    def was_right(self, name: str) -> None:
        """Begin anew."""
        self._wrong.pop(name, None)


@implementer(ICredentialsChecker)
class OperatorChecker:
    """Lets in operators and administrators whose password fits.

    :param in_thread: runs the derivation of a password's key.
    :param record: called with each log-in.
    """

    credentialInterfaces = (IUsernamePassword,)

    def __init__(
        self,
        clock: IReactorTime,
        verifiers: VerifierSource,
        in_thread: RunInThread,
        decoy_secret: bytes,
        record: RecordLogIn,
        settings: ConsoleSettings,
    ) -> None:
        self._clock = clock
        self._verifiers = verifiers
        self._in_thread = in_thread
        self._decoy_secret = decoy_secret
        self._record = record
        self._guard = Guard(clock, settings)

    def requestAvatarId(self, credentials: IUsernamePassword) -> Deferred[bytes | tuple[()]]:
        """Fires with the person's avatar id; fails with `UnauthorizedLogin`."""
        given: tuple[bytes, bytes] = credentials.username, credentials.password
        name, password = (text.decode("utf-8", "replace").strip("\r\0") for text in given)
        origin = credentials.origin if isinstance(credentials, Typed) else ""
        return Deferred.fromCoroutine(self._judge(name, password, origin))

    async def _judge(self, name: str, password: str, origin: str) -> bytes | tuple[()]:
        delay_s = self._guard.delay_s(name)
        if delay_s:
            self._record(name, origin, f"the next try waits {delay_s:.0f} s", True)
            await deferLater(self._clock, delay_s)
        known = await self._verifiers.verifier_for(name)
        verifier: Verifier = known or decoy_verifier(name, self._decoy_secret)
        fits = await self._in_thread(lambda: is_password_of(verifier, password))
        if not fits or verifier.role not in _ROLES:
            self._guard.was_wrong(name)
            self._record(name, origin, "", True)
            raise UnauthorizedLogin("the name or the password is wrong")
        self._guard.was_right(name)
        self._record(name, origin, verifier.role.value, False)
        return Person(name, verifier.role, origin).avatar_id
