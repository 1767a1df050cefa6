import Encoding
import Testing

@Suite("front ends §1.3: output formats")
struct RendererTests {
    private static let page: JSONValue = [
        "data": [
            [
                "id": "mc-a", "name": "a", "common_name": "a.example", "status": "Active", "issuer_id": "iss-local",
                "expires_at": "2026-08-15T10:00:00Z", "owner_id": "o-1",
            ],
            [
                "id": "mc-b", "name": "=b", "common_name": "b.example", "status": "Pending", "issuer_id": "iss-local",
                "expires_at": "0001-01-01T00:00:00Z", "owner_id": "o-1",
            ],
        ], "total": 7, "page": 1, "per_page": 2,
    ]

    static let golden: [([String], String)] = [
        (
            [],
            """
            ID    COMMON NAME  STATUS   EXPIRES     ISSUER
            mc-a  a.example    Active   2026-08-15  iss-local
            mc-b  b.example    Pending              iss-local

            Total: 7
            """
        ),
        (["--columns", "status,id", "--no-headers"], "Active   mc-a\nPending  mc-b"),
        (["-o", "name"], "mc-a\nmc-b"),
        (
            ["-o", "csv", "--columns", "id,name,expires"],
            """
            id,name,expires
            mc-a,a,2026-08-15 10:00:00 UTC
            mc-b,'=b,
            """
        ),
        (["--json"], page.prettyText),
        (["--format", "jsonl"], page["data"]?.arrayValue?.map(\.text).joined(separator: "\n") ?? ""),
    ]

    @Test("the same list in every format", arguments: golden)
    func formats(options: [String], expected: String) async {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/certificates", Self.page)
        let outcome = await stage.run(["certs", "list"] + options)
        #expect(outcome.code == 0)
        #expect(outcome.output == expected)
        #expect(outcome.diagnostics == "")
    }

    @Test("an unknown column is a usage error that lists the known ones")
    func unknownColumn() async {
        let stage = CLIStage()
        stage.server.on("GET /api/v1/certificates", Self.page)
        let outcome = await stage.run("certs", "list", "--columns", "nme")
        #expect(outcome.code == 2)
        #expect(outcome.diagnostics.contains("id, common_name, status"))
    }

    @Test("details are labelled lines in UTC")
    func details() async {
        let stage = CLIStage()
        stage.server.on(
            "GET /api/v1/teams/t-1", ["id": "t-1", "name": "x\u{1B}[2Jy", "created_at": "2026-01-02T03:04:05Z"])
        let outcome = await stage.run("teams", "get", "t-1")
        #expect(outcome.output == "ID:       t-1\nName:     x[2Jy\nCreated:  2026-01-02 03:04:05 UTC")
    }

    @Test("labels are words, and abbreviations stay in capitals")
    func labels() async {
        let stage = CLIStage()
        stage.server.on(
            "GET /api/v1/certificates/mc-a/versions/v-1",
            ["id": "v-1", "certificate_id": "mc-a", "serial_number": "0a", "not_before": "2026-01-02T03:04:05Z"])
        let outcome = await stage.run("certs", "versions", "mc-a", "v-1")
        let labels = outcome.output.split(separator: "\n").map { $0.prefix { $0 != ":" } }
        #expect(labels.contains("ID") && labels.contains("Not Before"), "\(outcome.output)\(outcome.diagnostics)")
    }

    @Test("--all follows the cursor; jsonl is printed page by page")
    func pages() async {
        let stage = CLIStage()
        stage.server.on(
            "GET /api/v1/teams",
            .json(200, ["data": [["id": "a"]], "next_cursor": "c/1"]), .json(200, ["data": [["id": "b"]]])
        )
        let outcome = await stage.run("teams", "list", "--all", "-o", "jsonl")
        #expect(outcome.output == "{\"id\":\"a\"}\n{\"id\":\"b\"}")
        #expect(
            stage.server.calls == [
                "GET /api/v1/teams?page_size=500&pagination=cursor", "GET /api/v1/teams?page_size=500&cursor=c%2F1",
            ]
        )
    }
}
