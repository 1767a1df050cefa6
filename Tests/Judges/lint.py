"""What pkilint says of certificates, lists and answers: a line for each finding, and one for each file that has none.

Arguments: KIND:FILE, where KIND is cert, crl, ocsp or chain (two files, the issuer's after the second colon).
"""

import contextlib
import io
import sys

from pkilint.bin import lint_crl, lint_ocsp_response, lint_pkix_cert, lint_pkix_signer_signee_cert_chain

TOOLS = {
    "cert": (lint_pkix_cert.main, []),
    "crl": (lint_crl.main, ["-t", "CRL", "-p", "PKIX"]),
    "ocsp": (lint_ocsp_response.main, []),
    "chain": (lint_pkix_signer_signee_cert_chain.main, []),
}


def findings(kind, files):
    tool, options = TOOLS[kind]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            status = tool(["lint", "-s", "WARNING", "-f", "TEXT", *options, *files])
        except SystemExit as end:
            status = end.code
    text = said.getvalue().strip()
    if status and not text:
        text = f"ended with {status}"
    return text


for argument in sys.argv[1:]:
    kind, *files = argument.split(":")
    text = findings(kind, files)
    print(f"{argument}: {text if text else 'nothing'}")
