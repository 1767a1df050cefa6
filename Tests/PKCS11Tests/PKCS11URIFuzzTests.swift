import EmbeddedCA
import TestSupport
import Testing

@Suite("RFC 7512: damaged references to keys")
struct PKCS11URIFuzzTests {
    @Test("what is taken has one spelling, and never a PIN or a module", arguments: 0..<8 as Range<UInt64>)
    func references(seed: UInt64) {
        var input = SeededInput(FuzzRun.seed(of: 140 + seed))
        let corpus = [
            "pkcs11:token=certctl;object=ca1;type=private", "pkcs11:serial=0123;id=%01%FF",
            "PKCS11:model=SoftHSM%20v2;token=t;object=o:@/;manufacturer=x",
        ]
        let alphabet = [
            ";", "=", "%", "%00", "%zz", "%C3", "?", "?pin-value=1", "&", "token=", "id=", "object=", "é", " ", "\u{0}",
            "slot-id=0;", "type=cert",
        ]
        var accepted = 0
        let executions = max(1, FuzzRun.executions / 8)
        for _ in 0..<executions {
            let text = input.damaged(input.pick(corpus), with: alphabet)
            guard let uri = try? PKCS11URI(text) else { continue }
            accepted += 1
            #expect((try? PKCS11URI(uri.description)) == uri, "\(text)")
            #expect(!text.contains("?"), "\(text)")
        }
        #expect(accepted > 0 && accepted < executions, "\(accepted) (seed \(FuzzRun.seed))")
    }
}
