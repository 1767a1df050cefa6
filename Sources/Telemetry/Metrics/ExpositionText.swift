/// Writes the Prometheus text format 0.0.4.
struct ExpositionText {
    private(set) var text = ""
    private var begun: Set<String> = []

    mutating func begin(_ name: String, _ help: String, _ kind: MetricKind) {
        guard begun.insert(name).inserted else { return }
        text += "# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n"
    }

    mutating func line(_ name: String, _ labels: [(String, String)], _ value: Double) {
        text += name
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.0)=\"\(Self.escaped($0.1, quotes: true))\"" }
            text += "{\(pairs.joined(separator: ","))}"
        }
        text += " \(Self.number(value))\n"
    }

    mutating func append(_ family: MetricFamily<Histogram>) {
        begin(family.name, family.help, .histogram)
        for (values, cell) in family.sortedCells {
            let labels = zip(family.labels, values).map { $0 }
            let snapshot = cell.snapshot
            for (bound, count) in zip(cell.bounds, snapshot.cumulative) {
                line("\(family.name)_bucket", labels + [("le", Self.number(bound))], Double(count))
            }
            line("\(family.name)_bucket", labels + [("le", "+Inf")], Double(snapshot.count))
            line("\(family.name)_sum", labels, snapshot.sum)
            line("\(family.name)_count", labels, Double(snapshot.count))
        }
    }

    mutating func append(_ samples: [MetricSample]) {
        for sample in samples {
            begin(sample.name, sample.help, sample.kind)
            line(sample.name, sample.labels.map { ($0.name, $0.value) }, sample.value)
        }
    }

    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        return Int64(exactly: value).map { String($0) } ?? value.description
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
