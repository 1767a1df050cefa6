import Encoding
import OperatorCLI
import Testing

@Suite("front ends §0: text of others is harmless in every sink")
struct TextTests {
    static let hostile = [
        "\u{1B}[2Jgone", "a\u{9B}31mred", "bell\u{07}", "a\rb", "\u{202E}gpj.exe", "zero\u{200B}width",
        "\u{2066}x\u{2069}",
        "\u{FEFF}bom", "tag\u{E0041}", "nul\u{0}",
    ]

    @Test("no control, bidirectional or invisible character reaches a terminal", arguments: hostile)
    func terminal(text: String) {
        for sink in [
            TerminalText.line(text), TerminalText.block(text), YAMLText.document(.string(text)), CSVText.row([text]),
        ] {
            for scalar in sink.unicodeScalars {
                #expect(scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value))
                #expect(!(0x200B...0x206F).contains(scalar.value) && scalar.value != 0xFEFF && scalar.value < 0xE0000)
            }
        }
    }

    @Test("JSON keeps its value when it is made harmless", arguments: hostile)
    func json(text: String) throws {
        let value: JSONValue = ["a": .string(text)]
        let safe = TerminalText.escapingInsideStrings(value.prettyText)
        #expect(safe.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0.value < 0x7F })
        #expect(try JSONValue(parsing: safe) == value)
    }

    @Test(
        "YAML quotes whatever could be something else",
        arguments: [
            ("plain", "plain"), ("a-b.c_d/e", "a-b.c_d/e"), ("yes", "\"yes\""), ("No", "\"No\""), ("null", "\"null\""),
            ("true", "\"true\""), ("1.0", "\"1.0\""), ("", "\"\""), ("- x", "\"- x\""), ("a: b", "\"a: b\""),
            ("2026-01-01", "\"2026-01-01\""), ("a\nb", "\"a\\nb\""), ("*x", "\"*x\""), ("~", "\"~\""),
            ("a #b", "\"a #b\""),
            ("0x1f", "\"0x1f\""), ("ünï", "\"ünï\""),
        ])
    func yamlScalars(text: String, expected: String) {
        #expect(YAMLText.document(.string(text)) == expected)
    }

    @Test("YAML nests objects and lists")
    func yamlNesting() {
        let value: JSONValue = [
            "data": [["id": "a", "sans": ["x", "y"], "tags": [:]], ["id": "b", "sans": []]], "total": 2, "next": nil,
            "rows": [[1, 2], []],
        ]
        #expect(
            YAMLText.document(value) == """
                data:
                  - id: a
                    sans:
                      - x
                      - "y"
                    tags: {}
                  - id: b
                    sans: []
                total: 2
                next: null
                rows:
                  - - 1
                    - 2
                  - []
                """
        )
    }

    @Test(
        "CSV is quoted by RFC 4180 and never a formula",
        arguments: [
            ("a", "a"), ("a,b", "\"a,b\""), ("a\"b", "\"a\"\"b\""), ("a\nb", "\"a\nb\""), ("=1+1", "'=1+1"),
            ("+x", "'+x"),
            ("-1", "'-1"), ("@x", "'@x"), (" =x", "' =x"), ("\tx", "'\tx"), ("", ""),
        ])
    func csv(text: String, expected: String) {
        #expect(CSVText.row([text]) == expected)
    }

    @Test("tables cut the widest column, never the identifier")
    func tables() {
        let rows = [["an-identifier-of-some-length", "a very long name that nobody needs in full", "Active"]]
        let lines = TableText.lines(header: ["ID", "NAME", "STATUS"], rows: rows, width: 60)
        #expect(lines.allSatisfy { $0.count <= 60 })
        #expect(lines[1].hasPrefix("an-identifier-of-some-length  a very long"))
        #expect(lines[1].contains("…"))
    }
}
