import Settings
import Testing

@Suite("suggestions for mistyped names")
struct NearestNameTests {
    @Test(
        "one slip is recognised, a different word is not",
        arguments: [
            ("server.prot", "server.port"), ("server.por", "server.port"), ("servre.port", "server.port"),
            ("banana", nil), ("", nil),
        ] as [(String, String?)])
    func suggestions(name: String, expected: String?) {
        #expect(NearestName.suggestion(for: name, among: ["server.port", "server.host", "data_dir"]) == expected)
    }
}
