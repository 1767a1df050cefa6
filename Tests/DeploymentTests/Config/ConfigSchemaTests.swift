import ConnectorKit
import Domain
import Encoding
import Testing

@Suite("One declaration validates, redacts, merges and exports a configuration")
struct ConfigSchemaTests {
    private static let schema = ConfigSchema([
        ConfigField("url", .string, title: "URL", description: "Where.", isRequired: true),
        ConfigField("token", .string, title: "Token", description: "Secret.", isSecret: true),
        ConfigField("mode", .choice(["a", "b"]), title: "Mode", description: "How.", defaultValue: "a"),
        ConfigField(
            "proxy",
            .object([
                ConfigField("host", .string, title: "Host", description: "Where."),
                ConfigField("password", .string, title: "Password", description: "Secret.", isSecret: true),
            ]),
            title: "Proxy", description: "Through."
        ),
        ConfigField("days", .integer(1...90), title: "Days", description: "How long."),
        ConfigField("names", .list(of: .string), title: "Names", description: "Which."),
    ])

    private func problems(_ config: JSONValue) -> [String] {
        Self.schema.problems(in: config, at: JSONPointer.root.appending("config")).map { "\($0.pointer) \($0.code)" }
    }

    @Test("every problem is found at once, each with its pointer")
    func allProblems() {
        let config: JSONValue = [
            "token": 1, "mode": "c", "days": 91, "names": ["x", 2], "proxy": ["host": true], "unknown": 1,
        ]
        #expect(
            problems(config) == [
                "/config/url required", "/config/token wrong_type", "/config/mode unknown_value",
                "/config/proxy/host wrong_type", "/config/days out_of_range", "/config/names wrong_type",
            ]
        )
        #expect(Self.schema.unknownMembers(of: ["url": "x", "unknown": 1]) == ["unknown"])
    }

    @Test("what is not an object is refused as a whole")
    func notAnObject() { #expect(problems([1]) == ["/config wrong_type"]) }

    @Test("null counts as absent")
    func null() {
        #expect(problems(["url": "x", "days": nil]) == [])
        #expect(problems(["url": nil]) == ["/config/url required"])
    }

    @Test("declared secrets are hidden at every depth, and nothing else is")
    func redaction() {
        let config: JSONObject = [
            "url": "https://key.example/secret", "token": "t0ps3cret", "proxy": ["host": "h", "password": "pw"],
        ]
        let shown = JSONValue.object(Self.schema.redacted(config)).text
        #expect(
            shown
                == #"{"url":"https://key.example/secret","token":"********","proxy":{"host":"h","password":"********"}}"#
        )
        #expect(Self.schema.redacted(["token": ""])["token"] == "")
    }

    @Test("a member that the schema does not know may be a misspelt secret: hidden, kept, and no value by itself")
    func unknownIsClosed() {
        let stored: JSONObject = ["url": "a", "tokn": "t0ps3cret", "proxy": ["host": "h", "passwd": "pw"]]
        #expect(
            JSONValue.object(Self.schema.redacted(stored)).text
                == #"{"url":"a","tokn":"********","proxy":{"host":"h","passwd":"********"}}"#)
        let update: JSONObject = ["url": "b", "tokn": "********", "proxy": ["passwd": "********"]]
        #expect(
            JSONValue.object(Self.schema.merged(update, keeping: stored)).text
                == #"{"url":"b","tokn":"t0ps3cret","proxy":{"passwd":"pw"}}"#)
        #expect(problems(.object(update)) == ["/config/tokn redacted_value", "/config/proxy/passwd redacted_value"])
    }

    @Test("a placeholder keeps the stored secret; one without a stored secret is refused")
    func sentinel() {
        let stored: JSONObject = ["url": "a", "token": "old", "proxy": ["password": "pw"]]
        let update: JSONObject = ["url": "b", "token": "********", "proxy": ["host": "h", "password": "********"]]
        let merged = Self.schema.merged(update, keeping: stored)
        #expect(JSONValue.object(merged).text == #"{"url":"b","token":"old","proxy":{"host":"h","password":"pw"}}"#)
        #expect(Self.schema.merged(["url": "b"], keeping: stored)["token"] == nil)
        #expect(
            problems(.object(Self.schema.merged(update, keeping: [:]))) == [
                "/config/token redacted_value", "/config/proxy/password redacted_value",
            ])
        #expect(problems(["url": "********"]) == ["/config/url redacted_value"])
    }

    @Test("the exported JSON Schema carries titles, defaults, choices and secrecy")
    func export() {
        let schema = Self.schema.jsonSchema
        #expect(schema["required"] == ["url"])
        #expect(schema["properties"]?["token"]?["writeOnly"] == true)
        #expect(schema["properties"]?["url"]?["writeOnly"] == nil)
        #expect(schema["properties"]?["mode"]?["enum"] == ["a", "b"])
        #expect(schema["properties"]?["mode"]?["default"] == "a")
        #expect(schema["properties"]?["days"]?["maximum"] == 90)
        #expect(schema["properties"]?["proxy"]?["properties"]?["password"]?["x-secret"] == true)
    }
}

@Suite("Targets, introduction: durations and modes in configurations")
struct ConfigTextTests {
    @Test(
        "durations",
        arguments: [
            ("500ms", .milliseconds(500)), ("10s", .seconds(10)), ("5m", .seconds(300)), ("1h", .seconds(3600)),
            ("1m30s", .seconds(90)), ("0s", .zero), (.integer(10_000_000_000), .seconds(10)), (.integer(0), .zero),
            (.number(5e9), .seconds(5)),
        ] as [(JSONValue, Duration)])
    func durations(_ value: JSONValue, _ expected: Duration) {
        #expect(DurationText.duration(value) == expected)
    }

    @Test(
        "what is no duration",
        arguments: [
            "", "10", "s", "-1s", "1.5s", "10 s", "1d", "s10", "10s5", "99999999999999999999h", "9999999999999h", -1,
            true, nil,
        ] as [JSONValue])
    func notDurations(_ value: JSONValue) { #expect(DurationText.duration(value) == nil) }

    @Test(
        "modes",
        arguments: [
            ("0640", 0o640), ("640", 0o640), ("0777", 0o777), ("0000", 0), (416, 0o640), (511, 0o777), (0, 0),
        ] as [(JSONValue, UInt32)])
    func modes(_ value: JSONValue, _ expected: UInt32) { #expect(FileModeText.mode(value) == expected) }

    @Test(
        "what is no mode: octal typed as decimal, extra bits, other digits",
        arguments: [
            640, 512, 644, -1, "1777", "0888", "64", "00640", "", "rw-r--r--", "0o640", nil,
        ] as [JSONValue])
    func notModes(_ value: JSONValue) { #expect(FileModeText.mode(value) == nil) }

    @Test(
        "the text of a duration reads back", arguments: [Duration.zero, .milliseconds(1), .seconds(90), .seconds(7200)])
    func roundTrip(_ duration: Duration) { #expect(DurationText.duration(DurationText.text(duration)) == duration) }
}
