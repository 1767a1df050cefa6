import EmbeddedCA
import PKI
import TestSupport
import Testing

@testable import ExternalSigner

@Suite("security §10.5: the protocol between a server and its signer")
struct SignerWireTests {
    private static func requests() throws -> [SignerRequest] {
        let name = try SignerKeyName("ca-1")
        return [
            .describe(name), .remove(name), .obtain(name, spec: nil, purposes: .authority),
            .obtain(name, spec: .rsa3072, purposes: .responder),
            .sign(name, purpose: .leaf, algorithm: .rsaPSS(.sha384), message: Array(repeating: 7, count: 300)),
            .sign(name, purpose: .crl, algorithm: .mlDSA65, message: []),
        ]
    }

    private static func replies() throws -> [SignerReply] {
        let key = try PrivateKey.generate(.ecdsaP384).publicKey
        return [
            .key(DescribedKey(publicKey: key, purposes: .authority, isNew: true)), .signature([1, 2, 3]),
            .refusal(.permission("no")), .refusal(.keyNotFound("")), .refusal(.transient("later")),
            .refusal(.unsupported("x")), .refusal(.wrongSignature("y")),
            .refusal(.rule(.maxValidity, "z")),
        ]
    }

    @Test("every message is read as it was written")
    func roundTrip() throws {
        for request in try Self.requests() {
            let frame = SignerFrame(request.kind, number: 0xDEAD_BEEF, length: request.body.count)
            #expect(try SignerFrame(header: frame.header) == frame)
            #expect(try SignerRequest(request.kind, body: request.body).body == request.body)
        }
        for reply in try Self.replies() {
            #expect(try SignerReply(reply.kind, body: reply.body).body == reply.body)
        }
    }

    @Test(
        "damaged messages are refused or mean what they say; none is read otherwise", arguments: 0..<40 as Range<UInt64>
    )
    func damaged(seed: UInt64) throws {
        var input = SeededInput(seed)
        for request in try Self.requests() {
            for _ in 0..<25 {
                let body = input.damaged(request.body)
                if let read = try? SignerRequest(request.kind, body: body) { #expect(read.body == body) }
                let header = input.damaged(SignerFrame(request.kind, number: 1, length: body.count).header)
                if let read = try? SignerFrame(header: header) {
                    #expect(read.header == header && read.length <= read.kind.longestBody)
                }
            }
        }
        for reply in try Self.replies() {
            for _ in 0..<25 { _ = try? SignerReply(reply.kind, body: input.damaged(reply.body)) }
        }
    }

    @Test("another version, an unknown kind, a length beyond the bound of the kind: each says what it is")
    func headers() throws {
        let good = SignerFrame(.describe, number: 1, length: 10).header
        func reason(_ change: (inout [UInt8]) -> Void) -> String {
            var header = good
            change(&header)
            do throws(SignerFault) {
                _ = try SignerFrame(header: header)
                return "accepted"
            } catch {
                return error.signerError.description
            }
        }
        #expect(reason { _ in } == "accepted")
        #expect(reason { $0[0] = 0 }.contains("not of the protocol"))
        #expect(reason { $0[4] = 9 }.contains("version 9"))
        #expect(reason { $0[5] = 0x44 }.contains("unknown kind"))
        #expect(reason { $0[6] = 1 }.contains("unknown kind"))
        #expect(reason { $0[14] = 5 }.contains("1024 are the most"))
        #expect(
            reason {
                $0[5] = 3; $0[12] = 0xFF
            }.contains("are the most"))
    }

    @Test("what a signer says cannot move the cursor of a terminal, and is no longer than it may be")
    func texts() throws {
        let said = SignerReply.refusal(.permission("a\u{1B}[2Jb\r\n\u{9B}c" + String(repeating: "x", count: 5000)))
        guard case .refusal(.permission(let text)) = try SignerReply(.refusal, body: said.body) else {
            Issue.record("no refusal")
            return
        }
        #expect(text.hasPrefix("a[2Jbcxxx") && text.utf8.count <= SignerError.longestText)
    }

    @Test(
        "names of keys are names of files and nothing else",
        arguments: ["", "A", "../a", "a/b", ".a", "-a", "a b", "ä", "a\0", String(repeating: "a", count: 65)])
    func names(text: String) {
        #expect(throws: SignerKeyNameProblem.self) { try SignerKeyName(text) }
        #expect(throws: SignerKeyNameProblem.self) { try SignerKeyName(reference: "signer:\(text)") }
    }

    @Test("a reference is the name behind signer:")
    func references() throws {
        #expect(try SignerKeyName(reference: "signer:root-2026.a_b").reference == "signer:root-2026.a_b")
        #expect(throws: SignerKeyNameProblem.self) { try SignerKeyName(reference: "root") }
    }
}
