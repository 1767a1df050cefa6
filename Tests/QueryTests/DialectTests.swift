import Domain
import Query
import Testing

@Suite("One statement text, two engines: only values differ at run time")
struct DialectTests {
    /// A `String` that was made at run time is bound, whatever it holds. To splice one, code would have to write
    /// `SQL(stringLiteral: name)` or `SQL.joined(parts, by: name)`: both take `StaticString`, which no run-time
    /// `String` converts to, so neither compiles.
    @Test(
        "hostile text is a bound value and never statement text",
        arguments: [
            "'; DROP TABLE teams; --", "1 OR 1=1", "\\'; SELECT pg_sleep(9)--", "?1", "$1", "%",
            "\u{2019} OR \u{2019}1", "/*", "\n--", "Robert\"); DELETE FROM jobs",
        ]
    )
    func hostileTextIsBound(text: String) throws {
        for engine in Engine.allCases {
            let rendered = try Dialect.render("SELECT id FROM teams WHERE name = \(text)", for: engine)
            #expect(rendered.text == "SELECT id FROM teams WHERE name = " + (engine == .sqlite ? "?1" : "$1"))
            #expect(rendered.parameters == [.text(text)])
        }
    }

    @Test("parameters are numbered in order, across joined fragments")
    func parametersAreNumbered() throws {
        let conditions: [SQL] = ["a = \(1)", "b = \("x")", "c IS NULL"]
        let statement: SQL = "SELECT 1 FROM t WHERE \(fragment: .joined(conditions, by: " AND ")) LIMIT \(5)"
        let rendered = try Dialect.render(statement, for: .postgres)
        #expect(rendered.text == "SELECT 1 FROM t WHERE a = $1 AND b = $2 AND c IS NULL LIMIT $3")
        #expect(rendered.parameters == [.integer(1), .text("x"), .integer(5)])
        #expect(rendered.isReusable)
    }

    @Test(
        "a text that was put together before is found again, with the values of its statement",
        arguments: Engine.allCases)
    func knownTexts(engine: Engine) throws {
        func render(_ name: String, _ ids: [String], _ lock: RowLock = .forUpdate) throws -> RenderedStatement {
            try Dialect.render(
                "SELECT a FROM t WHERE name = \(name) AND id IN \(list: ids)\(lock: lock)", for: engine)
        }
        let first = try render("x", ["a"])
        let again = try render("y", ["b"])
        #expect(first.number != nil && again.number == first.number)
        #expect(again.text == first.text)
        #expect(again.parameters == [.text("y"), .text("b")])
        let others = try [render("x", ["a", "b"]), render("x", ["a"], .forShare)]
        #expect(Set(others.map(\.number) + [first.number]).count == 3)
        #expect(others[0].parameters == [.text("x"), .text("a"), .text("b")])
        #expect(others[0].text.contains(engine == .sqlite ? "(?2, ?3)" : "($2, $3)"))
        #expect(try render("x", []).number == nil)
        #expect(try render("x", (0..<13).map { "\($0)" }).number == nil)
        // What is known is checked as what is new.
        #expect(throws: DatabaseError.self) { try render("a\u{0}b", ["a"]) }
        #expect(throws: DatabaseError.self) { try render("a", ["a\u{0}b"]) }
        let member = try Dialect.render("SELECT \(json: "document", member: "a") FROM t", for: engine)
        #expect(member.number == nil)
    }

    @Test("the elements of a JSON array are rows with one name on both engines")
    func elements() throws {
        let statement: SQL = "SELECT element.value FROM t, \(elements: "t.sans")"
        #expect(
            try Dialect.render(statement, for: .sqlite).text
                == "SELECT element.value FROM t, json_each(t.sans) AS element")
        #expect(
            try Dialect.render(statement, for: .postgres).text
                == "SELECT element.value FROM t, jsonb_array_elements_text(t.sans) AS element (value)")
    }

    @Test("a list has one parameter for each value, and an empty one matches nothing")
    func listsAreExpanded() throws {
        let some = try Dialect.render("DELETE FROM t WHERE id IN \(list: ["a", "b'"])", for: .sqlite)
        #expect(some.text == "DELETE FROM t WHERE id IN (?1, ?2)")
        #expect(some.parameters == [.text("a"), .text("b'")])
        let none = try Dialect.render("DELETE FROM t WHERE id IN \(list: [String]())", for: .postgres)
        #expect(none.text == "DELETE FROM t WHERE id IN (NULL)")
        #expect(some.isReusable && none.isReusable)
    }

    @Test("a long list is not kept prepared: a statement cache must not fill up with lengths of lists")
    func longListsAreNotKept() throws {
        let long = try Dialect.render("DELETE FROM t WHERE id IN \(list: Array(0..<13))", for: .sqlite)
        #expect(!long.isReusable)
        let short = try Dialect.render("DELETE FROM t WHERE id IN \(list: Array(0..<12))", for: .sqlite)
        #expect(short.isReusable)
    }

    @Test(
        "row locks exist on PostgreSQL alone",
        arguments: [
            (RowLock.forUpdate, " FOR UPDATE"), (.forUpdateSkipLocked, " FOR UPDATE SKIP LOCKED"),
            (.forShare, " FOR SHARE"),
        ]
    )
    func rowLocks(lock: RowLock, clause: String) throws {
        let statement: SQL = "SELECT id FROM jobs LIMIT \(1)\(lock: lock)"
        #expect(try Dialect.render(statement, for: .postgres).text == "SELECT id FROM jobs LIMIT $1" + clause)
        #expect(try Dialect.render(statement, for: .sqlite).text == "SELECT id FROM jobs LIMIT ?1")
    }

    @Test(
        "what a search takes literally is escaped",
        arguments: [("a", "%a%"), ("50%", #"%50\%%"#), ("a_b", #"%a\_b%"#), (#"\"#, #"%\\%"#), ("", "%%")]
    )
    func searchIsEscaped(needle: String, pattern: String) throws {
        let statement: SQL = "SELECT 1 FROM t WHERE \("name", contains: needle)"
        let sqlite = try Dialect.render(statement, for: .sqlite)
        let postgres = try Dialect.render(statement, for: .postgres)
        #expect(sqlite.text == #"SELECT 1 FROM t WHERE name LIKE ?1 ESCAPE '\'"#)
        #expect(postgres.text == #"SELECT 1 FROM t WHERE name ILIKE $1 ESCAPE '\'"#)
        #expect(sqlite.parameters == [.text(pattern)] && postgres.parameters == [.text(pattern)])
    }

    @Test("the key of a JSON member is bound, and one that SQLite cannot quote is refused")
    func jsonKeys() throws {
        let statement: SQL = "SELECT \(json: "tags", member: "$.a' OR 1") FROM t"
        #expect(try Dialect.render(statement, for: .postgres).parameters == [.text("$.a' OR 1")])
        #expect(try Dialect.render(statement, for: .sqlite).parameters == [.text("$.\"$.a' OR 1\"")])
        #expect(throws: DatabaseError.self) {
            try Dialect.render("SELECT \(json: "tags", member: "a\"b") FROM t", for: .sqlite)
        }
    }

    @Test("text with U+0000 is refused on both engines, because C interfaces would cut it off")
    func zeroCharacterIsRefused() {
        for engine in Engine.allCases {
            for value in [Value.text("admin\u{0}x"), .json("\"\u{0}\"")] {
                #expect(throws: DatabaseError.self) { try Dialect.render("SELECT \(value)", for: engine) }
            }
        }
    }

    @Test("an absent value is NULL")
    func optionals() throws {
        let none: String? = nil
        let some: Int? = 3
        let rendered = try Dialect.render("SELECT \(none), \(some)", for: .sqlite)
        #expect(rendered.parameters == [.null, .integer(3)])
    }
}
