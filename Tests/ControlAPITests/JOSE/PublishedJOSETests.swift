import Crypto
import Encoding
import Lifecycle
import PKI
import Testing

@testable import ControlAPI

/// The examples of the documents, as they stand there. What ACME has no use for must be refused (RFC 8555 §6.2).
@Suite("RFC 7515, RFC 7520, RFC 7638, RFC 8037: examples verify, and what ACME does not allow is refused")
struct PublishedJOSETests {
    struct Example: Sendable, CustomTestStringConvertible {
        let section: String
        let key: JSONValue
        let protected: String
        let payload: String
        let signature: String

        var testDescription: String { section }

        var flattened: JSONObject {
            ["payload": .string(payload), "protected": .string(protected), "signature": .string(signature)]
        }
    }

    // MARK: Keys

    /// RFC 7515 §A.2.1, public members.
    static let rsa: JSONObject = [
        "kty": "RSA",
        "n": .string(
            "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SF"
                + "d2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQ"
                + "OS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia"
                + "GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"), "e": "AQAB",
    ]
    /// RFC 7515 §A.3.1.
    static let p256: JSONObject = [
        "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    ]
    /// RFC 7515 §A.4.1.
    static let p521: JSONObject = [
        "kty": "EC", "crv": "P-521",
        "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
        "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
    ]
    /// RFC 7520 §3.1, with the members that say what it is for.
    static let cookbookEC: JSONObject = [
        "kty": "EC", "kid": "bilbo.baggins@hobbiton.example", "use": "sig", "crv": "P-521",
        "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
        "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
    ]
    /// RFC 7520 §3.3.
    static let cookbookRSA: JSONObject = [
        "kty": "RSA", "kid": "bilbo.baggins@hobbiton.example", "use": "sig",
        "n": .string(
            "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKr"
                + "Kb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1N"
                + "NLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_"
                + "qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw"), "e": "AQAB",
    ]
    /// RFC 7638 §3.1.
    static let thumbprinted: JSONObject = [
        "kty": "RSA",
        "n": .string(
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiF"
                + "V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJ"
                + "ZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"
                + "xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"), "e": "AQAB", "alg": "RS256", "kid": "2011-04-29",
    ]
    /// RFC 8037 §A.2.
    static let ed25519: JSONObject = [
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    ]

    // MARK: Signatures

    private static let claims =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    /// RFC 7520 §4, figure 8.
    private static let words =
        "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZC"
        + "wgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3"
        + "ZXB0IG9mZiB0by4"

    static let examples: [Example] = [
        Example(
            section: "RFC 7515 §A.2 (RS256)", key: .object(rsa), protected: "eyJhbGciOiJSUzI1NiJ9", payload: claims,
            signature:
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9u"
                + "JdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZR"
                + "mB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9F"
                + "s98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"),
        Example(
            section: "RFC 7515 §A.3 (ES256)", key: .object(p256), protected: "eyJhbGciOiJFUzI1NiJ9", payload: claims,
            signature: "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
        Example(
            section: "RFC 7515 §A.4 (ES512)", key: .object(p521), protected: "eyJhbGciOiJFUzUxMiJ9",
            payload: "UGF5bG9hZA",
            signature:
                "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAP"
                + "ZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn"),
        Example(
            section: "RFC 7520 §4.1 (RS256)", key: .object(cookbookRSA),
            protected: "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9", payload: words,
            signature:
                "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84"
                + "wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPo"
                + "cSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6"
                + "QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"),
        Example(
            section: "RFC 7520 §4.3 (ES512)", key: .object(cookbookEC),
            protected: "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9", payload: words,
            signature:
                "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_s"
                + "DDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"),
        Example(
            section: "RFC 8037 §A.4 (EdDSA)", key: .object(ed25519), protected: "eyJhbGciOiJFZERTQSJ9",
            payload: "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
            signature: "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"),
    ]

    @Test("a signature verifies, over this text and by this key alone", arguments: examples)
    func signatures(example: Example) throws {
        let jws = try FlattenedJWS(octets: JSONValue.object(example.flattened).octets)
        let algorithm = try jws.algorithm()
        let key = try PublicJWK(example.key)
        #expect(key.isValid(jws.signature, over: jws.signingInput, algorithm))
        for other in Self.examples where other.section != example.section {
            let input = try FlattenedJWS(.object(other.flattened)).signingInput
            #expect(!key.isValid(jws.signature, over: input, algorithm))
            guard other.key != example.key else { continue }
            #expect(!(try PublicJWK(other.key)).isValid(jws.signature, over: jws.signingInput, algorithm))
        }
        // Every bit of the signature counts, and so does its length.
        for index in jws.signature.indices {
            var changed = jws.signature
            changed[index] ^= 1 << UInt8(index % 8)
            #expect(!key.isValid(changed, over: jws.signingInput, algorithm), "octet \(index)")
        }
        #expect(!key.isValid(jws.signature + [0], over: jws.signingInput, algorithm))
        #expect(!key.isValid(jws.signature.dropLast(), over: jws.signingInput, algorithm))
        for other in SignatureAlgorithmName.allCases where other != algorithm {
            #expect(!key.isValid(jws.signature, over: jws.signingInput, other), "\(other)")
        }
    }

    struct Code: Sendable, CustomTestStringConvertible {
        let section: String
        let key: String
        let input: String
        let code: String

        var testDescription: String { section }
    }

    /// The algorithm of external account bindings.
    static let codes: [Code] = [
        Code(
            section: "RFC 7515 §A.1 (HS256)",
            key: "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
            input: "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\(claims)",
            code: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
        Code(
            section: "RFC 7520 §4.4 (HS256)", key: "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg",
            input: "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9.\(words)",
            code: "s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"),
    ]

    @Test("a code is that of the example", arguments: codes)
    func authenticationCodes(code: Code) throws {
        let key = SymmetricKey(data: try #require(Base64URL.decode(code.key)))
        #expect(Base64URL.encode(ExternalBinding.code(.hs256, Array(code.input.utf8), key)) == code.code)
    }

    @Test(
        "a thumbprint is of the required members alone",
        arguments: [
            (thumbprinted, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs", "RFC 7638 §3.1"),
            (ed25519, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "RFC 8037 §A.3"),
        ] as [(JSONObject, String, String)])
    func thumbprints(key: JSONObject, thumbprint: String, section: String) throws {
        let read = try PublicJWK(.object(key))
        #expect(read.thumbprint == thumbprint)
        // Whatever is said beside, and in whatever order.
        var reversed = JSONObject(key.members.reversed())
        reversed["x5c"] = ["AAAA"]
        #expect(try PublicJWK(.object(reversed)).thumbprint == thumbprint)
        #expect(read.key.jwkThumbprint == thumbprint)
    }

    @Test("what the documents show and ACME forbids is refused for what it is")
    func forbidden() throws {
        let (words, es512) = (Self.words, Self.examples[4])
        func refusal(_ json: JSONValue) -> ACMEProblem? {
            do throws(ACMEProblem) {
                _ = try FlattenedJWS(octets: json.octets).algorithm()
                return nil
            } catch { return error }
        }
        // RFC 7515 §A.5, no signature at all; RFC 7520 §4.2, PS384; §4.4, a shared key.
        for protected in [
            "eyJhbGciOiJub25lIn0",
            "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
            "eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9",
        ] {
            let problem = refusal(["payload": .string(words), "protected": .string(protected), "signature": ""])
            #expect(problem?.kind == .badSignatureAlgorithm && problem?.algorithms.count == 8, "\(protected)")
        }
        var unprotected = es512.flattened
        unprotected["header"] = ["kid": "e9bc097a-ce51-4036-9562-d2ade882db0d"]
        var withoutPayload = es512.flattened
        withoutPayload["payload"] = nil
        let signature: JSONValue = ["protected": .string(es512.protected), "signature": .string(es512.signature)]
        let malformed: [(String, JSONValue)] = [
            ("RFC 7515 §A.6, RFC 7520 §4.8: several", ["payload": .string(words), "signatures": [signature]]),
            ("RFC 7515 §A.7, RFC 7520 §4.6: unprotected members", .object(unprotected)),
            ("RFC 7520 §4.5: detached content", .object(withoutPayload)),
            ("RFC 7520 §4.7", ["payload": .string(words), "header": ["alg": "HS256"], "signature": ""]),
            // RFC 7515 §E: an extension that has to be understood.
            (
                "RFC 7515 §E",
                [
                    "payload": "RkFJTA", "signature": "",
                    "protected": .string(
                        "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQog"
                            + "Imh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0"),
                ]
            ),
        ]
        for (section, json) in malformed { #expect(refusal(json)?.kind == .malformed, "\(section)") }
        // RFC 7520 §3.2 and §3.5, RFC 8037 §A.1: whoever sends a private or a shared key.
        var secret = Self.cookbookEC
        secret["d"] = "AAhRON2r9cqXX1hg-RoI6R1tX5p2rUAYdmpHZoC1XNM56KtscrX6zbKipQrCW9CGZH3T4ubpnoTKLDYJ_fF3_rJt"
        var seed = Self.ed25519
        seed["d"] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
        let shared: JSONObject = ["kty": "oct", "k": "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg", "alg": "HS256"]
        for key in [secret, seed, shared] {
            let problem = #expect(throws: ACMEProblem.self) { try PublicJWK(.object(key)) }
            #expect(problem?.kind == .badPublicKey)
            #expect(problem?.detail.contains("private or a shared") == true)
        }
    }
}
