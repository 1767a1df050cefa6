import Domain

/// What was done to a CA of a tree, by whom and with whose agreement (specification, protocol-servers §6.2).
package enum CeremonyRoutes {
    package static let list = ProtectedRoute(
        "listIntermediateCACeremonies", .get, "/api/v1/intermediates/{id}/ceremonies", .permission(.issuerRead),
        scope: .object, "The signed records of what was done to a CA, the oldest first.",
        responses: [.json(200, CACeremoniesAnswer.self, "The records."), .notFound],
        cli: .verb("intermediates ceremonies")
    )

    package static let all: [Route] = [list.route]
}
