import AuditProof
import Encoding
import Testing

@Suite("RFC 8785: one value, one text")
struct CanonicalJSONTests {
    @Test(
        "numbers as ECMAScript writes them (RFC 8785 appendix B)",
        arguments: [
            (333333333.33333329, "333333333.3333333"), (1e30, "1e+30"), (4.50, "4.5"), (2e-3, "0.002"),
            (0.000000000000000000000000001, "1e-27"), (0, "0"), (-0.0, "0"), (.leastNonzeroMagnitude, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"), (9007199254740992, "9007199254740992"),
            (0x1p68, "295147905179352830000"),
            (1e21, "1e+21"), (0.000001, "0.000001"), (0.0000001, "1e-7"), (-1.5, "-1.5"), (100, "100"),
            (123.456, "123.456"), (1e20, "100000000000000000000"),
        ] as [(Double, String)]
    )
    func numbers(number: Double, text: String) {
        #expect(CanonicalJSON.text(of: .number(number)) == text)
    }

    @Test("members by UTF-16 code units, strings with the short escapes (RFC 8785 §3.2)")
    func order() throws {
        let value = try JSONValue(
            parsing: Array(
                #"{"\u20ac":"Euro","\r":"CR","\ufb33":"Dalet","1":"One","\ud83d\ude00":"Smiley","\u0080":"C","\u00f6":"o"}"#
                    .utf8))
        #expect(
            CanonicalJSON.text(of: value)
                == "{\"\\r\":\"CR\",\"1\":\"One\",\"\u{80}\":\"C\",\"ö\":\"o\",\"€\":\"Euro\",\"😀\":\"Smiley\",\"\u{fb33}\":\"Dalet\"}"
        )
        #expect(
            CanonicalJSON.text(of: .string("\u{8}\u{c}\n\t\u{1f}\u{7f}\"\\/")) == #""\b\f\n\t\u001f"# + "\u{7f}"
                + #"\"\\/""#)
        #expect(CanonicalJSON.text(of: [1, true, nil, ["b": 2, "a": []]]) == #"[1,true,null,{"a":[],"b":2}]"#)
    }

    @Test("A-18: a vertical bar cannot move from one field of the sealed text to another")
    func escaping() {
        let one = AuditLeaf(["actor": "a|b", "action": "c"])
        let other = AuditLeaf(["actor": "a", "action": "b|c"])
        #expect(one.hash != other.hash)
    }
}
