"""The product as its users meet it: whole processes, and Chromium where there is one."""

from contextlib import suppress

with suppress(ImportError):  # without it these tests are skipped
    from playwright.sync_api import expect

    expect.set_options(timeout=20_000)  # on a slow machine what is right takes longer; what is wrong stays wrong
