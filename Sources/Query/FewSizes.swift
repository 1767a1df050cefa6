extension Array {
    /// Runs of elements whose lengths are powers of two, the longest first: a statement that is made of rows has few texts then,
    /// which stay prepared, instead of one for each number of rows.
    ///
    /// - `longest`: The length of the longest runs, itself a power of two.
    package func inFewSizes(upTo longest: Int) -> [ArraySlice<Element>] {
        var (runs, rest, length) = ([ArraySlice<Element>](), self[...], longest)
        while !rest.isEmpty {
            while length > rest.count { length /= 2 }
            runs.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return runs
    }
}
