import MigrationLint

extension Corpus {
    private static let counting = "CREATE OR REPLACE FUNCTION a(n int4) RETURNS int LANGUAGE sql AS 'SELECT 1';"

    static let routines: [BadCase] = [
        BadCase(
            "DROP FUNCTION without its arguments", .postgres, "«DROP FUNCTION IF EXISTS a;", .functionSignature,
            before: [counting]),
        BadCase(
            "DROP ROUTINE that nobody made", .postgres, "««DROP ROUTINE a, b(integer);", .dropUnguarded,
            .functionSignature, fails: true),
        BadCase(
            "a function with another argument", .postgres,
            "«CREATE OR REPLACE FUNCTION a(n bigint) RETURNS int LANGUAGE sql AS 'SELECT 1';", .functionSignature,
            before: [counting]),
        BadCase(
            "a function with one argument more, without OR REPLACE", .postgres,
            "«CREATE FUNCTION a(n int, more text DEFAULT '') RETURNS int LANGUAGE sql AS 'SELECT 1';",
            .functionSignature, before: [counting], fails: true),
        BadCase(
            "a function with another result", .postgres,
            "«create or replace function public.a(n integer) returns setof text language sql as 'SELECT ''x''';",
            .functionSignature, before: [counting], fails: true),
        BadCase(
            "a function with another table for a result", .postgres,
            "«CREATE OR REPLACE FUNCTION b() RETURNS TABLE (x int, y int) LANGUAGE sql AS 'SELECT 1, 2';",
            .functionSignature,
            before: ["CREATE OR REPLACE FUNCTION b() RETURNS TABLE (x int) LANGUAGE sql AS 'SELECT 1';"], fails: true),
        BadCase(
            "a function whose argument has another name", .postgres,
            "«CREATE OR REPLACE FUNCTION a(m int) RETURNS int LANGUAGE sql AS 'SELECT 1';", .functionSignature,
            before: [counting], fails: true),
        BadCase(
            "a procedure that loses a default, in a block", .postgres,
            "DO $$ BEGIN «CREATE OR REPLACE PROCEDURE c(n int) LANGUAGE sql AS 'SELECT 1'; END $$;",
            .functionSignature,
            before: ["CREATE OR REPLACE PROCEDURE c(n int DEFAULT 3) LANGUAGE sql AS 'SELECT 1';"], fails: true),
    ]
}
