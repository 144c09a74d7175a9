"""Every setting, in one typed place. Each is an environment variable `DALIL_…`."""

from __future__ import annotations

from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from store.vault import keep_secret


class Settings(BaseSettings):
    """What an operator can set. The text beside each is what `dalil doctor` shows."""

    model_config = SettingsConfigDict(env_prefix="DALIL_", env_ignore_empty=True, extra="ignore")

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    home: Path = Field(Path("var"), description="data folder: database, index, key")
    database_url: SecretStr | None = Field(None, description="SQLAlchemy URL; SQLite in the data folder if empty")
    chroma_url: str | None = Field(None, description="Chroma server (http://host:port); on disk if empty")
    embeddings: str | None = Field(
        None,
        pattern=r"^[\w.]+:\w+$",
        description="module:callable giving a LangChain Embeddings; the built-in if empty",
    )
    public_url: str | None = Field(None, description="https address that people and providers reach this at")
    secret_key: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="secret for addresses at rest, the newest first, by commas; made in the data folder if empty"
    )
    twilio_account_sid: str | None = Field(
        None, pattern=r"^AC[0-9a-f]{32}$", description="Twilio account, for WhatsApp"
    )
    twilio_auth_token: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Twilio's auth token; while rotating the newest first, by commas"
    )
    twilio_from: str | None = Field(None, description="our WhatsApp sender: whatsapp:+… or a messaging service (MG…)")
    twilio_templates: Annotated[dict[str, str], NoDecode] = Field(
        {}, description="templates that invite people back: en=HX…,fr=HX… (`dalil templates` makes them)"
    )
    twilio_api_url: str | None = Field(None, description="address of Twilio's API; only for a test server")
    telegram_token: SecretStr | None = Field(None, description="token of the Telegram bot")
    telegram_secret: SecretStr | None = Field(None, description="what Telegram's webhook is called with")
    telegram_group: int | None = Field(
        None, lt=0, description="chat id, a negative number, of the officers' Telegram group; none if empty"
    )
    telegram_api_url: str | None = Field(None, description="address of the Bot API; only for a test server")
    proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="addresses or networks of proxies that tell who calls (X-Forwarded-For), by commas"
    )
    metrics_token: SecretStr | None = Field(
        None, description="what /metrics asks for from elsewhere than this machine; closed to others if empty"
    )
    metrics_port: int | None = Field(
        None, ge=1, le=65535, description="local port where `dalil worker` shows its metrics; none if empty"
    )
    smtp_url: SecretStr | None = Field(
        None, description="mail server for requests to providers: smtp://user:password@host:587 or smtps://…"
    )
    mail_from: str | None = Field(None, max_length=200, description="our address in mails to providers")
    operator: str = Field("ITU–UNDP facility", max_length=80, description="who runs this, as people are told")
    helpline: str | None = Field(None, max_length=200, description="number or link named to people in distress")
    officer_hours: str | None = Field(
        None, max_length=120, description="when officers answer, as people are told; nothing is promised if empty"
    )
    check_links: bool = Field(False, description="whether links of the catalogue are looked at while Dalil serves")
    retention_days: int = Field(180, ge=1, le=3650, description="days after which silent conversations are erased")

    @field_validator("secret_key", "twilio_auth_token", "proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            try:
                ip_network(each)
            except ValueError:
                raise ValueError("must be addresses or networks: 127.0.0.1,10.0.0.0/8") from None
        return value

    @field_validator("twilio_templates", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if any(not sign or not sid.strip().startswith("HX") for _, sign, sid in pairs):
            raise ValueError("must be pairs of language and template: en=HX…,fr=HX…")
        return {language.strip(): sid.strip() for language, _, sid in pairs}

    @field_validator("public_url", "chroma_url", "twilio_api_url", "telegram_api_url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).netloc:
            raise ValueError("must begin with http:// or https:// and name a host")
        return value.rstrip("/")

    @property
    def key_file(self) -> Path:
        """Where a secret is kept that nobody set."""
        return self.home / "secret.key"

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """The secrets in use, the newest first."""
        return tuple(key.get_secret_value() for key in self.secret_key) or (keep_secret(self.key_file),)

    @property
    def database(self) -> str:
        """The database's URL."""
        return self.database_url.get_secret_value() if self.database_url else f"sqlite:///{self.home / 'dalil.db'}"

    @property
    def address(self) -> str:
        """Where the page is reached on this machine."""
        everywhere = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound to
        host = "127.0.0.1" if self.host in everywhere else self.host
        return f"http://{host}:{self.port}"

    @property
    def public(self) -> str:
        """The address that people use; on a machine of one's own, the local one."""
        return self.public_url or self.address
