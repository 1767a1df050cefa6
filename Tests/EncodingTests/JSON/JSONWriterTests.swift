import Encoding
import Testing

@Suite("JSON texts written by certctl")
struct JSONWriterTests {
    static let sample: JSONValue = [
        "b": [1, 2.5, nil], "a": ["z": "q\"\\\n\u{1}\u{7F}é", "y": true], "c": [], "d": [:],
    ]

    @Test("compact text keeps the order of members")
    func compact() {
        #expect(
            Self.sample.text
                == #"{"b":[1,2.5,null],"a":{"z":"q\"\\\n\u0001\u007fé","y":true},"c":[],"d":{}}"#
        )
    }

    @Test("canonical text does not depend on the order of members")
    func canonical() {
        let other: JSONValue = [
            "d": [:], "c": [], "a": ["y": true, "z": "q\"\\\n\u{1}\u{7F}é"], "b": [1, 2.5, nil],
        ]
        #expect(Self.sample.canonicalText == other.canonicalText)
        #expect(Self.sample.canonicalText.hasPrefix(#"{"a":{"y":true,"z""#))
    }

    @Test("pretty text is indented by two spaces")
    func pretty() {
        let value: JSONValue = ["a": [1], "b": [:]]
        #expect(value.prettyText == "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}")
    }

    @Test("what was written is read back", arguments: [sample, .number(1e21 / 1e9), "\u{2028}", [nil, [[]]]])
    func roundTrip(value: JSONValue) throws {
        #expect(try JSONValue(parsing: value.text) == value)
        #expect(try JSONValue(parsing: value.prettyText) == value)
    }

    @Test("an object keeps one value for each key")
    func objectMembers() {
        var object: JSONObject = ["a": 1, "b": 2, "a": 3]
        #expect(object.keys == ["a", "b"])
        #expect(object["a"] == 3)
        object["a"] = nil
        #expect(object.keys == ["b"])
    }

    @Test("pointers escape the two special characters (RFC 6901 §3)")
    func pointers() {
        #expect(JSONPointer.root.appending("a/b~c").appending(3).text == "/a~1b~0c/3")
    }
}
