"""Passwords (S-11, hardening 2.8): what is refused, what is not, and what hashing costs the loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from server import passwords
from server.password_rules import check_new_password, common_passwords
from server.passwords import Passwords, normal_password
from sync.problem import Code, FieldCode, Refusal
from sync.values import Unfit

SOKHA = ("Sokha", "Chan", "សុខា", "+85512345678", "012345678", "sokha.chan@example.com")


@pytest.fixture
async def pool() -> AsyncIterator[Passwords]:
    one = Passwords()
    yield one
    one.close()


@pytest.mark.parametrize("password", [
    "password", "Password1234", "P@ssw0rd!", "12345678", "98765432", "១២៣៤៥៦៧៨", "ផាសសឹោរដ", "ឆឹេរតយុិ", "qwertyui",
    "aaaaaaaa", "abcabcabc", "12121212", "1q2w3e4r", "dastern2026", "DasTern!!", "ដាស់តឿន123", "ពាក្យសម្ងាត់", "ខ្ញុំស្រលាញ់អ្នក",
    "Sokha1990",
    "sokha.chan", "SokhaChan#1", "012345678", "12345678Sokha", "សុខា១៩៩០", "sokhapassword1", "pass\u200bword",
])
def test_s11_what_a_guesser_tries_first_is_refused(password: str) -> None:
    with pytest.raises(Unfit) as refused:
        check_new_password(password, SOKHA)
    assert refused.value.code is FieldCode.PASSWORD_COMMON


@pytest.mark.parametrize("password", [
    "mango on a bicycle", "8 buffaloes swim", "7#9k$2!x84", "sokha-likes-rice-fields", "ទឹកភ្លៀងលើដំបូល", "  two spaces  ",
    "84619375", "🐘🐘🐃🐃🌾🌾🥭🥭", "x" * 3 + "Yz!7" + "q" * 249, "tr0mbone staircase",
])
def test_s11_any_other_password_is_taken_as_it_is_without_rules_of_composition(password: str) -> None:
    assert check_new_password(password, SOKHA) == password


@pytest.mark.parametrize(("password", "code"), [
    ("1234567", FieldCode.PASSWORD_TOO_SHORT), ("", FieldCode.PASSWORD_TOO_SHORT),
    ("🐘🐃🌾🥭🐘🐃🌾", FieldCode.PASSWORD_TOO_SHORT), ("xy" * 128 + "z", FieldCode.PASSWORD_TOO_LONG),
    ("\ufdfa" * 20, FieldCode.PASSWORD_TOO_LONG), ("abcdefg\ud800", FieldCode.BAD_TEXT),
])
def test_s11_length_is_counted_in_code_points_after_nfkc(password: str, code: FieldCode) -> None:
    with pytest.raises(Unfit) as refused:
        check_new_password(password)
    assert refused.value.code is code


def test_two_keyboards_spellings_of_one_password_are_one() -> None:
    assert normal_password("cafe\u0301 au lait") == normal_password("caf\u00e9 au lait")


def test_the_list_is_bundled_and_folded() -> None:
    assert len(common_passwords()) > 150
    assert all(word == word.casefold() for word in common_passwords())


async def test_a_hash_is_argon2id_with_its_parameters_and_verifies_its_password_alone(pool: Passwords) -> None:
    hashed = await pool.hash("mango on a bicycle")
    parameters = extract_parameters(hashed)
    assert (parameters.type, parameters.memory_cost, parameters.time_cost, parameters.parallelism) == \
        (Type.ID, 19456, 2, 1)
    assert await pool.verify(hashed, "mango on a bicycle")
    assert not await pool.verify(hashed, "mango on a bicycle ")
    assert hashed != await pool.hash("mango on a bicycle")


@pytest.mark.parametrize("kept", [None, "", "no hash", "$argon2id$v=19$m=19456,t=2,p=1$broken"])
async def test_s30_no_hash_matches_nothing_not_even_what_nobody_s_hash_was_made_of(
    pool: Passwords, kept: str | None
) -> None:
    assert not await pool.verify(kept, "mango on a bicycle")
    assert not await pool.verify(kept, "x" * (passwords.MAX_CHARS + 1))


async def test_a_hash_with_other_parameters_is_made_anew(pool: Passwords) -> None:
    older = Passwords(memory_kib=8 * 1024, passes=1)
    hashed = await older.hash("mango on a bicycle")
    older.close()
    assert pool.is_outdated(hashed)
    assert await pool.verify(hashed, "mango on a bicycle")
    assert not pool.is_outdated(await pool.hash("mango on a bicycle"))


async def test_two_run_and_twenty_wait_and_the_rest_is_told_to_come_back() -> None:
    pool = Passwords()
    try:
        jobs = [asyncio.create_task(pool.hash("mango on a bicycle")) for _ in range(25)]
        answers = await asyncio.gather(*jobs, return_exceptions=True)
        busy = [answer for answer in answers if isinstance(answer, Refusal)]
        assert len(busy) == 3 and {one.code for one in busy} == {Code.BUSY} and busy[0].retry_after_s == 1
        assert sum(isinstance(answer, str) for answer in answers) == 22
        assert await pool.hash("mango on a bicycle"), "the room is free again"
    finally:
        pool.close()


async def test_a_caller_who_gives_up_frees_no_thread_that_still_hashes() -> None:
    pool = Passwords(threads=1, queue=0)
    try:
        job = asyncio.create_task(pool.hash("mango on a bicycle"))
        await asyncio.sleep(0.002)
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
        with pytest.raises(Refusal):
            await pool.hash("mango on a bicycle")
        for _ in range(200):
            await asyncio.sleep(0.01)
            try:
                assert await pool.hash("mango on a bicycle")
                return
            except Refusal:
                continue
        pytest.fail("the thread is never free again")
    finally:
        pool.close()
