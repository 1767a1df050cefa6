import ArgumentParser
package import Encoding

package enum Issuers: Resource {
    package typealias Filters = TextFilter
    package static let command = "issuers"
    package static let noun = "issuer"
    package static let required = ["name", "type"]
    package static let columns = [
        Column("ID", "id"), Column("NAME", "name"), Column("TYPE", "type"), Column("ENABLED", "enabled", .yesOrNo),
        Column("TEST", "test_status"), Column("HIERARCHY", "hierarchy_mode", wide: true),
        Column("SOURCE", "source", wide: true),
        Column("LAST TESTED", "last_tested_at", .time, wide: true),
    ]

    package struct Members: ParsableArguments, BodyMembers {
        @Option(help: "Unique name.") var name: String?
        @Option(help: "Kind of authority, such as GenericCA.") var type: String?
        @Option(help: ArgumentHelp("Configuration of its type as JSON, or @FILE.", valueName: "json")) var config:
            String?
        @Option(help: "Whether it takes orders.") var enabled: Bool?
        @Option(help: "Of a local CA: single, or tree for roots and CAs below them.") var hierarchyMode: String?

        package init() {}

        package func members() throws(CLIFailure) -> JSONObject {
            var list = MemberList()
            list.add("name", name)
            list.add("type", type)
            list.add("hierarchy_mode", hierarchyMode)
            if let config { list.add("config", try RequestBody.object(config, option: "config")) }
            list.add("enabled", enabled)
            return list.object
        }
    }
}

package enum Targets: Resource {
    package static let command = "targets"
    package static let noun = "target"
    package static let required = ["name", "type", "agent_id"]
    package static let columns = [
        Column("ID", "id"), Column("NAME", "name"), Column("TYPE", "type"), Column("AGENT", "agent_id"),
        Column("ENABLED", "enabled", .yesOrNo), Column("TEST", "test_status"),
        Column("RETIRED", "retired_at", .time, wide: true), Column("CREATED", "created_at", .time, wide: true),
    ]

    package struct Filters: ParsableArguments, QueryParameters {
        @Option(help: "Targets of this agent.") var agentID: String?
        @Option(help: "Targets of this type.") var type: String?

        package init() {}

        package var parameters: [(name: String, value: String)] {
            [("agent_id", agentID), ("type", type)].compactMap { name, value in value.map { (name, $0) } }
        }
    }

    package struct Members: ParsableArguments, BodyMembers {
        @Option(help: "Name, unique on its agent.") var name: String?
        @Option(help: "Kind of consumer, such as NGINX.") var type: String?
        @Option(help: "The agent that deploys.") var agentID: String?
        @Option(help: ArgumentHelp("Configuration of its type as JSON, or @FILE.", valueName: "json")) var config:
            String?
        @Option(help: "Whether it is deployed to.") var enabled: Bool?

        package init() {}

        package func members() throws(CLIFailure) -> JSONObject {
            var list = MemberList()
            list.add("name", name)
            list.add("type", type)
            list.add("agent_id", agentID)
            if let config { list.add("config", try RequestBody.object(config, option: "config")) }
            list.add("enabled", enabled)
            return list.object
        }
    }
}
