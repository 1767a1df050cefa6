package import ConnectorKit
package import Domain

/// The target types that this build can deploy to. A list in code: nothing registers itself.
package enum TargetCatalog {
    package static let all: [TargetDescriptor] = [NGINXConnector.descriptor]

    /// - Throws: ``TargetTypeUnavailable`` for a type that certctl knows and this build does not contain.
    package static func descriptor(of type: TargetType) throws(TargetTypeUnavailable) -> TargetDescriptor {
        guard let found = all.first(where: { $0.type == type }) else { throw TargetTypeUnavailable(type: type) }
        return found
    }
}

/// A target type without a connector in this build.
package struct TargetTypeUnavailable: Error, Hashable, Sendable, CustomStringConvertible {
    package let type: TargetType

    package init(type: TargetType) { self.type = type }

    package var description: String {
        let available = TargetCatalog.all.map(\.type.rawValue).joined(separator: ", ")
        return "target type \(type.rawValue) is not available in this build; available: \(available)"
    }
}
