"""Commands of `dalil`, a module a group; `bot.cli` puts them together."""
