"""`daytrade certs`: a private authority, and certificates for TLS among the services."""

from pathlib import Path

import click

from daytrade.certificates import CERTIFICATE_DAYS, CertificateFolder
from protocol.authentication import AccessRole


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", required=True, help="Whose certificate: a service, such as node-1.")
@click.option(
    "--role", "roles", multiple=True, default=[AccessRole.NODE.value], show_default=True,
    type=click.Choice([role.value for role in AccessRole]),
    help="What its holder may log in as; may be repeated.",
)  # fmt: skip
@click.option(
    "--host", "hosts", multiple=True, default=["127.0.0.1", "localhost"], show_default=True,
    help="Where it can be reached; may be repeated.",
)  # fmt: skip
def certs(folder: Path, name: str, roles: tuple[str, ...], hosts: tuple[str, ...]) -> None:
    """Make a certificate in FOLDER, and the authority that signs it if there is none yet."""
    certificates = CertificateFolder(folder)
    made = certificates.ensure(name, [AccessRole(role) for role in roles], hosts)
    if not made:
        raise click.ClickException(f"{certificates.certificate_path(name)} is there already")
    listen = f"certificate={certificates.certificate_path(name)}"
    key = f"privateKey={certificates.key_path(name)}"
    click.echo(f"valid for {CERTIFICATE_DAYS} days. To listen:")
    click.echo(f"  tls13:PORT:{listen}:{key}:clients={certificates.authority_path}")
    click.echo("To connect:")
    click.echo(f"  tls:HOST:PORT:trustRoots={certificates.roots_path}:{listen}:{key}")
