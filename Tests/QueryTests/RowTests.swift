import Domain
import Query
import Testing

@Suite("A row gives a value of the asked type or says what is wrong")
struct RowTests {
    private let row = Row(
        columns: Row.Columns(["text", "number", "flag", "time", "none", "json", "octets"]),
        values: [
            .text("a"), .integer(1), .bool(true), .integer(1_700_000_000_000_000), .null, .json("{}"), .bytes([1, 2]),
        ]
    )

    @Test("SQLite's integers are read as booleans and times")
    func integersAreCoerced() throws {
        #expect(try row.bool("number"))
        #expect(try row.time("time") == Timestamp(secondsSinceEpoch: 1_700_000_000))
        #expect(try row.int("flag") == 1)
        #expect(try row.text("json") == "{}")
    }

    @Test("a null is an error unless it is asked for")
    func nulls() throws {
        #expect(throws: DatabaseError.self) { try row.text("none") }
        #expect(try row.optionalText("none") == nil)
        #expect(try row.optionalInt("none") == nil)
        #expect(try row.optionalTime("none") == nil)
        #expect(try row.optionalBytes("none") == nil)
    }

    @Test("a wrong type, an unknown column and an unknown value are errors that name the column")
    func mismatches() {
        #expect(throws: DatabaseError.self) { try row.int("text") }
        #expect(throws: DatabaseError.self) { try row.bytes("text") }
        #expect(throws: DatabaseError.self) { try row.time("text") }
        #expect(throws: DatabaseError.self) { try row.value("text", as: JobStatus.self) }
        let error = #expect(throws: DatabaseError.self) { try row.text("missing") }
        #expect(error?.message.contains("missing") == true)
    }
}
