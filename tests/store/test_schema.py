import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from crafted import add_task
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from github_app.errors import NotConfiguredError, SchemaMismatchError
from github_app.store.schema import METADATA, TABLES, code_version
from github_app.store.session import Database


@pytest.fixture
def empty(empty_url):
    db = Database(empty_url)
    yield db
    db.close()


@pytest.fixture
def own(empty):
    """A migrated database that a test may damage."""
    empty.upgrade()
    return empty


def test_the_migrations_lead_from_nothing_to_exactly_the_models(empty):
    empty.upgrade()
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    empty.check()


def test_upgrading_twice_changes_nothing(empty):
    empty.upgrade()
    empty.upgrade()
    empty.check()


def test_all_tables_are_checked():
    assert sorted(METADATA.tables) == sorted(table.name for table in TABLES)


def test_an_empty_database_is_refused_with_what_to_run(empty):
    with pytest.raises(SchemaMismatchError) as caught:
        empty.check()
    assert f"the database is empty, this code needs schema {code_version()}" == caught.value.sentence
    assert caught.value.hint == "run `remit db upgrade`"


def test_a_newer_schema_is_refused_by_check_and_by_upgrade_naming_both_versions(own):
    with own.connect() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for refused in (own.check, own.upgrade):
        with pytest.raises(SchemaMismatchError, match=f"has schema 9999, this code knows up to {code_version()}"):
            refused()


def test_an_older_schema_is_refused_naming_both_versions(own, monkeypatch):
    found = code_version()
    monkeypatch.setattr("github_app.store.schema.code_version", lambda: "9042")
    with pytest.raises(SchemaMismatchError, match=f"has schema {found}, this code needs 9042"):
        own.check()


def test_a_missing_column_is_refused_by_name(own):
    with own.connect() as connection:
        connection.execute(text("ALTER TABLE outbox DROP COLUMN done_at"))
    with pytest.raises(SchemaMismatchError, match=r"lacks outbox\.done_at"):
        own.check()


def test_a_missing_table_is_refused(own):
    with own.connect() as connection:
        connection.execute(text("DROP TABLE decision"))
    with pytest.raises(SchemaMismatchError, match=r"lacks decision\.action|lacks decision\.at"):
        own.check()


def test_a_migration_that_is_interrupted_never_happened(empty, monkeypatch):
    monkeypatch.setattr("alembic.operations.Operations.execute", _power_cut)
    with pytest.raises(KeyboardInterrupt):
        empty.upgrade()
    monkeypatch.undo()
    with pytest.raises(SchemaMismatchError, match="the database is empty"):
        empty.check()
    empty.upgrade()
    empty.check()


def _power_cut(*_args, **_kwargs):
    raise KeyboardInterrupt


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense"])
def test_a_url_that_cannot_be_used_says_what_can(url):
    with pytest.raises(NotConfiguredError) as caught:
        Database(url)
    assert caught.value.hint


def test_a_password_in_the_url_is_not_shown():
    assert "hunter2" not in repr(Database("postgresql://u:hunter2@localhost/x"))


@pytest.mark.parametrize("statement", ["UPDATE history SET sentence = 'x'", "DELETE FROM history"])
def test_the_database_refuses_to_change_history(db, statement):
    add_task(db)
    with pytest.raises(DBAPIError, match="history is append-only"), db.write() as session:
        session.execute(text(statement))
