import DatabaseTestSupport
import Query
import Testing

@Suite("CERTCTL_TEST_ENGINES: which engines a run tests")
struct EngineChoiceTests {
    @Test(
        "what is named and installed, or what has to be",
        arguments: [
            (nil, true, false, [.sqlite, .postgres]), (nil, false, false, [.sqlite]),
            (nil, false, true, [.sqlite, .postgres]), ("sqlite", true, false, [.sqlite]),
            ("sqlite", false, true, [.sqlite]), ("postgres", true, false, [.postgres]),
            ("sqlite,postgres", true, false, [.sqlite, .postgres]), ("postgres", false, false, []),
            ("postgres", false, true, [.postgres]),
        ] as [(String?, Bool, Bool, [Engine])])
    func choice(chosen: String?, isPostgresInstalled: Bool, isComplete: Bool, expected: [Engine]) {
        let available = Engine.available(
            chosen: chosen, isPostgresInstalled: isPostgresInstalled, isComplete: isComplete)
        #expect(available == expected)
    }
}
