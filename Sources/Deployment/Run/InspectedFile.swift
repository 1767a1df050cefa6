import Domain
import HostEffects

/// A planned file next to what stands in its place.
struct InspectedFile: Sendable {
    struct Current: Sendable {
        let contents: Secret
        let digest: String
        let attributes: FileAttributes
    }

    let planned: PlannedFile
    let destination: String
    let digest: String
    let current: Current?
    /// What the file will have.
    let attributes: FileAttributes

    var hasNewContent: Bool { current?.digest != digest }
    var hasNewAttributes: Bool { current?.attributes != attributes }

    init(_ file: PreparedPlan.File, _ fileSystem: FileSystem) throws(FileError) {
        planned = file.planned
        destination = file.destination
        digest = file.planned.contents.withBytes { ContentDigest.of($0) }
        if let status = try fileSystem.status(destination), let octets = try fileSystem.read(destination) {
            current = Current(
                contents: Secret(octets),
                digest: ContentDigest.of(octets),
                attributes: status.attributes
            )
        } else {
            current = nil
        }
        attributes = try planned.ownership.resolve(
            existing: current?.attributes,
            defaults: planned.defaults,
            path: destination
        )
    }
}
