"""What `GET /` answers: what this server is, and where its pages and documents are."""

from __future__ import annotations

from wxcube.contract import ENDPOINTS

_CALLS = f"""\
  POST /datacube/<name>      rows of {len(ENDPOINTS)} endpoints, with ?access_token=
  GET  /cgi-bin/token        a token; /cgi-bin/stable_token too
"""
_DOCUMENTS = """\
Documents: /docs here, to read and to try every call in a browser; /openapi.json for programs;
`wxcube explain` in a terminal. WeChat's own: https://developers.weixin.qq.com/doc/
"""

GATEWAY_PAGE = f"""\
wxcube: your own figures over WeChat's datacube API, answered from your database.

{_CALLS}  GET  /healthz, /readyz     whether it answers, and whether the database can be read

{_DOCUMENTS}"""
EMULATOR_PAGE = f"""\
wxcube: an emulator of WeChat's datacube API. Its accounts and figures are simulated.

{_CALLS}  GET  /_wxcube/accounts     appid and secret of the accounts
  GET  /_wxcube/state        clock and settings; further admin calls change clock and faults

{_DOCUMENTS}"""
