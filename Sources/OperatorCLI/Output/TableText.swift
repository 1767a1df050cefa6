/// Left-aligned columns separated by two spaces (specification, front ends §1.3).
package enum TableText {
    /// Lines of a table; the widest cells are cut with `…` until they fit `width`, and `nil` cuts nothing.
    package static func lines(header: [String]?, rows: [[String]], width: Int?) -> [String] {
        let all = (header.map { [$0] } ?? []) + rows
        guard let columns = all.first?.count, columns > 0 else { return [] }
        var widths = (0..<columns).map { column in all.map { $0[column].count }.max() ?? 0 }
        if let width { shrink(&widths, to: width) }
        return all.map { row in
            row.enumerated().map { column, cell in
                let cut = cell.count > widths[column] ? String(cell.prefix(max(0, widths[column] - 1))) + "…" : cell
                return column == columns - 1 ? cut : cut + String(repeating: " ", count: widths[column] - cut.count)
            }.joined(separator: "  ")
        }
    }

    /// The first column is the identifier, which stays whole so that it can be pasted.
    private static func shrink(_ widths: inout [Int], to width: Int) {
        let gaps = 2 * (widths.count - 1)
        while widths.reduce(gaps, +) > width {
            guard let widest = widths.indices.dropFirst().max(by: { widths[$0] < widths[$1] }), widths[widest] > 8
            else {
                return
            }
            widths[widest] -= 1
        }
    }
}
