"""A certificate for this machine, so that programs with a fixed HTTPS host can call a local server.

It is signed by an authority made for it alone, whose key is thrown away and which may only sign the
names of the certificate: a machine that trusts it trusts nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from wxcube.errors import SettingsError
from wxcube.i18n import _

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

NAMES = ("api.weixin.qq.com", "localhost", "127.0.0.1", "::1")
"""The names that every certificate has."""
VALID = timedelta(days=397)
"""Longer ones are refused by some systems."""
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_SERVER_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class LocalCertificate:
    """Texts of PEM: the authority to be trusted, the certificate, and the certificate's key."""

    authority: bytes
    certificate: bytes
    key: bytes = field(repr=False)
    expires: datetime


def local_certificate(names: Sequence[str], now: datetime) -> LocalCertificate:
    """A new certificate for names and addresses.

    Raises:  SettingsError if a name is none, or the package `cryptography` is not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )
    except ImportError:
        raise SettingsError(
            _("certificates are made with the package cryptography, which is not installed"),
            hint=_('install it with: pip install "wxcube[{extra}]"', extra="tls"),
        ) from None
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _key in range(2))
    authority = _authority(authority_key, names, now)
    certificate = _certificate(authority, authority_key, key, names, now)
    return LocalCertificate(
        authority.public_bytes(Encoding.PEM),
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        certificate.not_valid_after_utc,
    )


def _authority(
    key: EllipticCurvePrivateKey, names: Sequence[str], now: datetime
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256

    subject = _named("wxcube, for this machine only")
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    allowed = [_general_name(name, whole=True) for name in names]
    return (
        _begun(subject, now)
        .issuer_name(subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.NameConstraints(allowed, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )


def _certificate(
    authority: x509.Certificate,
    authority_key: EllipticCurvePrivateKey,
    key: EllipticCurvePrivateKey,
    names: Sequence[str],
    now: datetime,
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID

    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key())
    server = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
    alternatives = x509.SubjectAlternativeName([_general_name(name) for name in names])
    return (
        _begun(_named("wxcube"), now)
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(server, critical=False)
        .add_extension(alternatives, critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority_key, SHA256())
    )


def _begun(subject: x509.Name, now: datetime) -> x509.CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .serial_number(x509.random_serial_number())
        # clocks of other machines may be behind
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALID)
    )


def _named(name: str) -> x509.Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _general_name(name: str, *, whole: bool = False) -> x509.GeneralName:
    """A name or an address; constraints have a network of the address alone."""
    from cryptography import x509

    try:
        address = ip_address(name)
    except ValueError:
        if not _SERVER_NAME.fullmatch(name):
            raise SettingsError(
                _("{name!r} cannot be the name of a server", name=name),
                hint=_(
                    "write the name alone, as stats.lan, and international names in their form "
                    "with xn--"
                ),
            ) from None
        return x509.DNSName(name)
    return x509.IPAddress(ip_network(address) if whole else address)
