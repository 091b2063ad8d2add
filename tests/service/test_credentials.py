"""Files that say who may log in, and as whom."""

from pathlib import Path

import pytest

from protocol.authentication import AccessRole
from service.credentials import (
    Credential,
    CredentialsError,
    read_accept_file,
    read_credential,
    write_accept_file,
)
from tests.service.links import outcome_of
from tests.service.premises import ServerInMemory

GOOD = '{"name": "node-1", "password": "pass word", "role": "node"}'


def test_a_credential_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "credential.json"
    path.write_text(GOOD)
    assert read_credential(path) == Credential("node-1", "pass word", AccessRole.NODE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "[]",
        '{"name": "node-1", "role": "node"}',
        GOOD.replace('"node"', '"king"'),
        GOOD.replace('"node"', '"node", "more": 1'),
        GOOD.replace('"pass word"', "7"),
    ],
)
def test_a_file_of_another_form_is_named_and_said_to_be_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "credential.json"
    path.write_text(text)
    with pytest.raises(CredentialsError, match="credential.json is not such a file"):
        read_credential(path)


def test_the_password_is_not_in_the_complaint(tmp_path: Path) -> None:
    path = tmp_path / "credential.json"
    path.write_text(GOOD.replace('"node"', '"king"'))
    with pytest.raises(CredentialsError) as raised:
        read_credential(path)
    assert "pass word" not in str(raised.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match=r"cannot read .*/nowhere\.json: No such file"):
        read_credential(tmp_path / "nowhere.json")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="cannot read"):
        read_accept_file(tmp_path)


class TestAcceptFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "accept.json"
        credentials = [
            Credential("ann", "secret-1", AccessRole.USER),
            Credential("bench", "secret-2", AccessRole.WORKLOAD),
        ]
        write_accept_file(path, credentials)
        return path

    def test_who_is_in_it_can_log_in_with_password_and_role(self, path: Path) -> None:
        server = ServerInMemory(read_accept_file(path))
        verdict = server.log_in(server.greeted(), "bench", "secret-2")
        assert type(verdict).__name__ == "LoggedIn"
        refusal = server.log_in(server.greeted(), "bench", "secret-1")
        assert type(refusal).__name__ == "Error"

    def test_who_is_not_in_it_is_not_known(self, path: Path) -> None:
        assert outcome_of(read_accept_file(path).verifier_for("carl")) == [None]

    def test_it_holds_no_password_and_is_for_its_owner_alone(self, path: Path) -> None:
        text = path.read_text()
        assert "ann" in text
        assert "secret" not in text
        assert path.stat().st_mode & 0o777 == 0o600

    def test_a_credential_file_is_no_accept_file(self, tmp_path: Path) -> None:
        path = tmp_path / "accept.json"
        path.write_text(GOOD)
        with pytest.raises(CredentialsError, match="is not such a file"):
            read_accept_file(path)
