import Encoding
import Testing

@Suite("RFC 6902: what became of a value")
struct JSONPatchTests {
    private static func texts(_ operations: [JSONPatch.Operation]) -> [String] {
        operations.map { "\($0.kind.rawValue) \($0.path.text) \($0.value?.text ?? "")" }
    }

    @Test("members are compared one by one, everything else as a whole, and what goes is tested first")
    func differences() {
        let old: JSONValue = ["a": 1, "b": ["c": true, "d/e": "x"], "f": [1, 2], "g": nil]
        let new: JSONValue = ["a": 1, "b": ["c": false, "h": 3], "f": [2, 1], "g": "y", "i": 4]
        #expect(
            Self.texts(JSONPatch.operations(from: old, to: new)) == [
                "test /b/c true", "replace /b/c false", "test /b/d~1e \"x\"", "remove /b/d~1e ", "add /b/h 3",
                "test /f [1,2]", "replace /f [2,1]", "test /g null", "replace /g \"y\"", "add /i 4",
            ])
    }

    @Test("equal values have no difference; other kinds of values are replaced at the root")
    func roots() {
        #expect(JSONPatch.operations(from: ["a": [1]], to: ["a": [1]]).isEmpty)
        #expect(Self.texts(JSONPatch.operations(from: [1], to: ["a": 1])) == ["test  [1]", "replace  {\"a\":1}"])
        #expect(Self.texts(JSONPatch.removal(of: 7)) == ["test  7", "remove  "])
    }
}
