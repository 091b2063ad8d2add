"""The two cookies: a session's token, and the secret that forms of other visitors are bound to.

Pure. Over TLS both bear the prefix `__Host-`, so that no other host can plant them. Without TLS, on
loopback, they have names of their own: a browser takes no Secure cookie there.
"""

from msgspec import Struct

FORM_S_MAX = 24 * 3600


class Cookies(Struct, frozen=True):
    """How cookies are named and marked; `is_secure`: the site is reached over TLS."""

    is_secure: bool

    @property
    def session_name(self) -> str:
        """The cookie with the session's token."""
        return "__Host-sid" if self.is_secure else "daytrade-sid"

    @property
    def form_name(self) -> str:
        """The cookie that forms of those not logged in are bound to."""
        return "__Host-form" if self.is_secure else "daytrade-form"

    def for_session(self, token: str, lives_s: int | None) -> str:
        """Set the session's cookie; with None it goes when the browser is closed."""
        return self._cookie(self.session_name, token, lives_s)

    def for_form(self, token: str) -> str:
        """Set the other one."""
        return self._cookie(self.form_name, token, FORM_S_MAX)

    def end_session(self) -> str:
        """Take the session's cookie away."""
        return self._cookie(self.session_name, "", 0)

    def _cookie(self, name: str, value: str, lives_s: int | None) -> str:
        parts = [f"{name}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
        if self.is_secure:
            parts.append("Secure")
        if lives_s is not None:
            parts.append(f"Max-Age={lives_s}")
        return "; ".join(parts)
