import DatabaseTestSupport
import Query
import Testing

@Suite("CERTCTL_TEST_ENGINES: which engines a run tests")
struct EngineChoiceTests {
    @Test(
        "what is named and installed",
        arguments: [
            (nil, true, [.sqlite, .postgres]), (nil, false, [.sqlite]), ("sqlite", true, [.sqlite]),
            ("postgres", true, [.postgres]), ("sqlite,postgres", true, [.sqlite, .postgres]), ("postgres", false, []),
        ] as [(String?, Bool, [Engine])])
    func choice(chosen: String?, isPostgresInstalled: Bool, expected: [Engine]) {
        #expect(Engine.available(chosen: chosen, isPostgresInstalled: isPostgresInstalled) == expected)
    }
}
