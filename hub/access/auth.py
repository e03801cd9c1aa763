"""Who somebody is: passwords, tokens, roles, sessions.

The invariants: a user has one login, the newest; its token id stands in
`users.session_id`, which is the truth (`session:{user_id}` in Redis mirrors it for other tools); and a password or
token never reaches a log or an error.
"""

import hmac
from secrets import token_urlsafe

import msgspec
import structlog
from redis.asyncio import Redis

from hub.access.accounts import Accounts
from hub.access.audit import Audit, outcome_of
from hub.access.bootstrap_limit import BootstrapLimit
from hub.access.checking import WRONG, Found, PasswordCheck, refuse_weak
from hub.access.counters import Counters
from hub.access.hashing import IsGone
from hub.access.principal import Bootstrap, LoggedIn, Principal
from hub.clock import Clock
from hub.cluster.redis import guarded, session_key
from hub.errors import Refusal, Unavailable
from hub.model.records import Account, Change
from hub.model.standing import refusal, why_ended
from hub.model.tokens import NotOurs, Token, Tokens
from hub.runtime import metrics
from hub.store import Store
from protocol import closes
from protocol.closes import Close

log = structlog.get_logger(__name__)


class Examined(msgspec.Struct, frozen=True):
    """What is known of a token that we signed: whose it was, and why it is no longer good (None: it is)."""

    token: Token
    account: Account | None
    close: Close | None


class Login(msgspec.Struct, frozen=True):
    """A new session."""

    text: str
    token: Token
    change: Change

    @property
    def account(self) -> Account:
        return self.change.account


class Auth:
    """Logins and their tokens."""

    def __init__(
        self,
        *,
        store: Store,
        redis: Redis,
        accounts: Accounts,
        secrets: list[str],
        admin_token: str,
        session_ms: int,
        clock: Clock,
        audit: Audit,
    ) -> None:
        self._clock = clock
        self._store = store
        self._redis = redis
        self._accounts = accounts
        self._tokens = Tokens(*secrets)
        self._admin_token = admin_token.encode()
        self._session_ms = session_ms
        self._audit = audit
        counters = Counters(redis)
        self._passwords = PasswordCheck(store, redis, counters)
        self._bootstrap_limit = BootstrapLimit(counters)

    async def hash_password(self, password: str) -> str:
        return await self._passwords.hash(password)

    async def login(
        self, username: str, password: str, device_id: str, address: str, is_gone: IsGone | None = None
    ) -> Login:
        """A new session, which ends an older one of the same user. Refuses 401, 403, 429."""
        found = await self._store.users.credentials(username)
        subject = _subject(found)
        try:
            login = await self._login(found, username, password, device_id, address, is_gone)
        except Refusal as refused:
            outcome = outcome_of(refused)
            metrics.LOGINS.labels(outcome).inc()
            self._audit.note("login", outcome, None, address=address, subject=subject, reason=refused.message)
            raise
        metrics.LOGINS.labels("success").inc()
        self._audit.note("login", "done", LoggedIn(login.account, login.token, address), detail=device_id)
        return login

    async def _login(
        self,
        found: Found | None,
        username: str,
        password: str,
        device_id: str,
        address: str,
        is_gone: IsGone | None,
    ) -> Login:
        account, _ = await self._passwords.check(found, username, password, device_id, address, is_gone)
        at_ms = self._clock()
        await self._refuse_unfit(account, at_ms)
        token = Token(account.id, token_urlsafe(16), device_id, (at_ms + self._session_ms) // 1_000 * 1_000)
        change = await self._store.users.set(account.id, at_ms, session_id=token.id)
        if change is None:
            raise WRONG  # deleted meanwhile
        await self._mirror(token, address, at_ms)
        return Login(self._tokens.sign(token), token, change)

    async def change_password(
        self,
        who: LoggedIn | None,
        username: str,
        old: str,
        new: str,
        address: str,
        is_gone: IsGone | None = None,
    ) -> Change:
        """The user's own new password. The login `who` stays, and is then the only one; without one none stays.
        Refuses 401, 403, 409, 422, 429."""
        found = await self._store.users.credentials(username)
        subject = _subject(found)
        try:
            change = await self._change_password(who, found, username, old, new, address, is_gone)
        except Refusal as refused:
            reason = refused.message
            self._audit.note("password", outcome_of(refused), who, address=address, subject=subject, reason=reason)
            raise
        kept = "the login stays" if who else "the login ends"
        self._audit.note("password", "done", who, address=address, subject=subject, detail=kept)
        return change

    async def _change_password(
        self,
        who: LoggedIn | None,
        found: Found | None,
        username: str,
        old: str,
        new: str,
        address: str,
        is_gone: IsGone | None,
    ) -> Change:
        refuse_weak("new_password", new, username)
        if new == old:
            raise Refusal("invalid", "new_password: is the old one")
        device_id = who.token.device_id if who else ""
        try:
            account, stored = await self._passwords.check(found, username, old, device_id, address, is_gone)
        except Refusal as refused:
            if who is not None and refused.reason == "unauthorized":  # the token is good
                raise Refusal("forbidden", "old_password: is wrong") from None
            raise
        at_ms = self._clock()
        await self._refuse_unfit(account, at_ms)
        hashed = await self._passwords.hash(new, account.role == "admin")
        session_id = who.token.id if who else None
        change = await self._store.users.change_password(account.id, stored, hashed, session_id, at_ms)
        if change is None:
            raise Refusal("conflict", "the password or the login has changed meanwhile")
        if who is None:
            await self.forget(account.id)
        return change

    async def _refuse_unfit(self, account: Account, at_ms: int) -> None:
        close = why_ended(account, account.session_id or "", at_ms + 1, at_ms)
        if close is closes.ACCOUNT_EXPIRED:
            await self._store.users.note_expired([account.id], at_ms)
        if close in (closes.ACCOUNT_EXPIRED, closes.ACCOUNT_DISABLED):
            raise refusal(close)

    def read(self, text: str) -> Token:
        """What a token says, whether or not it has run out. Refuses what we did not sign."""
        try:
            return self._tokens.read(text)
        except NotOurs:
            raise Refusal("unauthorized", "the token is not valid: log in") from None

    async def authenticate(self, text: str | None, address: str) -> Principal:
        """Who holds this token now. Refuses 401 without a good one, 403 for an unfit account, 429."""
        if text is None:
            raise Refusal("unauthorized", "takes an Authorization header: Bearer and a token")
        if not self.is_of_login(text):
            return await self._authenticate_bootstrap(text, address)
        examined = await self.examine(text)
        if examined.close is not None or examined.account is None:
            raise refusal(examined.close or closes.ACCOUNT_DISABLED)
        return LoggedIn(examined.account, examined.token, address)

    def is_of_login(self, text: str) -> bool:
        """Whether it has the three parts of a login's token. What has not can only be the bootstrap token, or wrong."""
        return text.count(".") == 2 and not self._is_bootstrap(text)

    def _is_bootstrap(self, text: str) -> bool:
        """Takes the same time whatever the text."""
        return hmac.compare_digest(text.encode(), self._admin_token)

    async def _authenticate_bootstrap(self, text: str, address: str) -> Bootstrap:
        if self._is_bootstrap(text):
            return Bootstrap(address)
        refused = await self._bootstrap_limit.refusal(text, address)
        metrics.WRONG_TOKENS.inc()
        self._audit.note("bootstrap", outcome_of(refused), None, address=address, reason=refused.message)
        raise refused

    async def examine(self, text: str) -> Examined:
        """Who the token was made for, and why it is no longer good. Refuses what we did not sign."""
        token = self.read(text)
        account = await self._accounts.get(token.user_id)
        at_ms = self._clock()
        close = why_ended(account, token.id, token.expire_ms, at_ms)
        if close is closes.ACCOUNT_EXPIRED and account is not None:
            await self._store.users.note_expired([account.id], at_ms)
        return Examined(token, account, close)

    @property
    def newest_order_id(self) -> int:
        """The newest order that the database had when an account was last read; 0 for none."""
        return self._accounts.newest_order_id

    async def logout(self, who: LoggedIn) -> Change | None:
        """Ends the session of this token, and no newer one; None where it was over."""
        with self._audit.act("logout", who):
            change = await self._store.users.end_session(who.token.user_id, who.token.id, self._clock())
        if change is not None:
            await self.forget(who.token.user_id)
        return change

    async def forget(self, user_id: int) -> None:
        """Drops the mirror of a session. That Redis is away does not keep the session alive."""
        try:
            with guarded():
                await self._redis.delete(session_key(user_id))
        except Unavailable as error:
            log.warning("session not dropped from Redis", user_id=user_id, error=str(error))

    async def _mirror(self, token: Token, address: str, at_ms: int) -> None:
        try:
            with guarded():
                await self._redis.set(
                    session_key(token.user_id), session_value(token, address, at_ms), px=self._session_ms
                )
        except Unavailable as error:
            log.warning("session not mirrored in Redis", user_id=token.user_id, error=str(error))

    def close(self) -> None:
        self._passwords.close()


def session_value(token: Token, address: str, at_ms: int) -> bytes:
    """The JSON under `session:{user_id}`."""
    return msgspec.json.encode(
        {"token_id": token.id, "device_id": token.device_id, "login_ms": at_ms, "address": address}
    )


def _subject(found: Found | None) -> str:
    """Whom a record is about. What nobody is called is not written: it may be a password in the wrong field."""
    return found[0].username if found else "a name that nobody has"
