import EmbeddedCA
import Testing

@Suite("RFC 7512: references to keys in tokens")
struct PKCS11URITests {
    @Test(
        "what names a token and a key is read, and has one spelling",
        arguments: [
            ("pkcs11:token=certctl;object=ca1;type=private", "pkcs11:token=certctl;object=ca1;type=private"),
            ("PKCS11:object=ca1;token=certctl", "pkcs11:token=certctl;object=ca1;type=private"),
            (
                "pkcs11:token=My%20token%3b;object=%C3%A4;id=%01%fF",
                "pkcs11:token=My%20token%3B;object=%C3%A4;id=%01%FF;type=private"
            ),
            ("pkcs11:serial=0123;id=a", "pkcs11:serial=0123;id=%61;type=private"),
            (
                "pkcs11:model=SoftHSM%20v2;manufacturer=SoftHSM%20project;serial=ab;token=t;object=o:@/",
                "pkcs11:token=t;manufacturer=SoftHSM%20project;model=SoftHSM%20v2;serial=ab;object=o%3A%40%2F;type=private"
            ),
        ])
    func accepted(text: String, canonical: String) throws {
        let uri = try PKCS11URI(text)
        #expect(uri.description == canonical)
        #expect(try PKCS11URI(canonical) == uri)
    }

    @Test(
        "everything else is refused, and says why",
        arguments: [
            ("", "must begin"), ("file:/etc/x", "must begin"), ("pkcs11:", "\"=\""), ("pkcs11:token", "\"=\""),
            ("pkcs11:token=a", "must name the key"), ("pkcs11:object=a", "must name the token"),
            ("pkcs11:token=;object=a", "empty token"), ("pkcs11:token=a;object=a;", "\"=\""),
            ("pkcs11:token=a;token=b;object=c", "twice"), ("pkcs11:token=a;object=b;type=cert", "type cert"),
            ("pkcs11:token=a;object=b;slot-id=0", "slot-id"), ("pkcs11:token=a;object=%zz", "hexadecimal"),
            ("pkcs11:token=a;object=%4", "hexadecimal"), ("pkcs11:token=a b;object=c", "blank"),
            ("pkcs11:token=a;object=%FF", "UTF-8"), ("pkcs11:token=a;object=%00", "UTF-8"),
            ("pkcs11:token=a;object=b?pin-value=1234", "CERTCTL_PKCS11_PIN_FILE"),
            ("pkcs11:token=a;object=b?module-path=/tmp/evil.so", "CERTCTL_PKCS11_MODULE"),
            ("pkcs11:token=" + String(repeating: "x", count: 33) + ";object=a", "32 octets"),
            ("pkcs11:token=a;id=" + String(repeating: "%00", count: 65), "64 octets"),
            ("pkcs11:token=a;object=" + String(repeating: "x", count: 2000), "1024"),
        ])
    func refused(text: String, reason: String) {
        #expect {
            try PKCS11URI(text)
        } throws: { "\($0)".contains(reason) && !"\($0)".contains("1234") }
    }
}
