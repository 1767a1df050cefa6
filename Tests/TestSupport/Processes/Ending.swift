/// Runs `body` with something that has to be ended, and ends it whether `body` returns or throws.
///
/// A client that is let go while its connections live ends the whole test process, and with it every other test: an
/// expectation that throws must not get past its end.
@discardableResult
package func using<Resource, Value>(
    _ resource: Resource, end: (Resource) async throws -> Void, _ body: (Resource) async throws -> Value
) async throws -> Value {
    let outcome: Result<Value, any Error>
    do { outcome = .success(try await body(resource)) } catch { outcome = .failure(error) }
    do { try await end(resource) } catch {
        // What the body says comes first.
        _ = try outcome.get()
        throw error
    }
    return try outcome.get()
}
