import Domain
import Testing

@Suite("RFC 8555 §7.1.4, RFC 5890 §2.3, RFC 5891 §4.2, RFC 5892: labels that stand for Unicode")
struct InternationalLabelTests {
    @Test(
        "what IDNA2008 allows, and ordinary labels",
        arguments: [
            "www", "a-b", "a--b", "3com", "_acme-challenge", "x", "",
            // bücher, straße, пример, 例子, مثال, βόλος
            "xn--bcher-kva", "xn--strae-oqa", "xn--e1afmkfd", "xn--fsqu00a", "xn--mgbh0fb", "xn--nxasmm1c",
            // With a joiner after a virama, and a non-joiner between letters of Arabic.
            "xn--10cl1a0b660p", "xn--mgba3gch31f060k",
            // l·l, Katakana middle dot in Japanese, Arabic digits, Geresh after a letter, Keraia before one
            "xn--ll-0ea", "xn--vek160nb2acz6g", "xn--8hbc", "xn--4db4e", "xn--wva4j",
        ])
    func sound(label: String) { #expect(InternationalLabel.objection(to: label.utf8) == nil) }

    @Test(
        "what is reserved, is not Punycode, has another form, or stands for what no label may be",
        arguments: [
            ("ab--cd", "reserved"), ("r3---sn", "reserved"), ("-a--b", "reserved"), ("xn--", "nothing follows"),
            ("xn--b", "not Punycode"), ("xn--99999999", "not Punycode"), ("xn--bcher-k", "not Punycode"),
            ("xn--a.b", "not Punycode"), ("xn--abc-", "ASCII alone"), ("xn---", "one form"),
            // Upper case and width, an emoji, joiners and signs out of their context
            ("xn--bel-ska", "U+00DC"), ("xn--ull-776s", "U+FF46"), ("xn--ls8h", "U+1F4A9"), ("xn--ab-m1t", "U+200D"),
            ("xn--ab-j1t", "U+200C"), ("xn--ab-0ea", "U+00B7"), ("xn--ab-3n4a", "U+30FB"), ("xn--mgb8iyr", "U+06"),
            ("xn--ab-gvd", "U+0640"), ("xn--4db3e", "U+05F3"), ("xn--a-kib", "U+0375"),
            // A combining mark first, hyphens at the edge and in the third and fourth place
            ("xn--a-wbb", "combining mark"), ("xn--a--bja", "edge"), ("xn--xy---epa", "third and fourth"),
            ("xn--a", "U+0080"),
        ])
    func unsound(label: String, reason: String) {
        let objection = InternationalLabel.objection(to: label.utf8)
        #expect(objection?.contains(reason) == true, "\(objection ?? "none")")
    }
}
