import Synchronization

/// All metrics of one name, told apart by label values.
package final class MetricFamily<Cell: AnyObject & Sendable>: Sendable {
    /// More combinations than this share the label value `other`: a bound for memory, not a feature.
    private static var maximumCells: Int { 1000 }

    package let name: String
    let help: String
    let labels: [String]
    private let make: @Sendable () -> Cell
    private let cells: Mutex<[[String]: Cell]>

    init(name: String, help: String, labels: [String], make: @escaping @Sendable () -> Cell) {
        self.name = name
        self.help = help
        self.labels = labels
        self.make = make
        cells = Mutex(labels.isEmpty ? [[]: make()] : [:])
    }

    /// The cell of some label values, in the order of the labels. Keep it where the values are constant.
    package func with(_ values: String...) -> Cell { cell(values) }

    package func cell(_ values: [String]) -> Cell {
        cells.withLock { cells in
            if let cell = cells[values] { return cell }
            let key = cells.count < Self.maximumCells ? values : labels.map { _ in "other" }
            if let cell = cells[key] { return cell }
            let cell = make()
            cells[key] = cell
            return cell
        }
    }

    /// By label values, so that two scrapes list them in the same order.
    var sortedCells: [(values: [String], cell: Cell)] {
        cells.withLock { $0.map { ($0.key, $0.value) } }.sorted { $0.0.lexicographicallyPrecedes($1.0) }
    }
}

/// A value computed when the metrics are read.
package struct MetricSample: Sendable {
    package let name: String
    package let help: String
    package let kind: MetricKind
    package let labels: [(name: String, value: String)]
    package let value: Double

    package init(
        _ name: String, _ help: String, kind: MetricKind = .gauge, labels: [(name: String, value: String)] = [],
        _ value: Double
    ) {
        self.name = name
        self.help = help
        self.kind = kind
        self.labels = labels
        self.value = value
    }
}
