#include "auth/store/sqlite_connection.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <sqlite3.h>

#include "auth/store/database_file.h"

namespace turnpike::auth {
namespace {

constexpr int primary_code(int code) {
  return code & 0xff;
}

DatabaseError classify(int code, int system_error) {
  if (code == SQLITE_READONLY_ROLLBACK || code == SQLITE_READONLY_RECOVERY) {
    return DatabaseError::interrupted_write;
  }
  switch (primary_code(code)) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return DatabaseError::locked;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return DatabaseError::corrupt;
    case SQLITE_READONLY:
      return DatabaseError::read_only;
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return DatabaseError::not_permitted;
    case SQLITE_CANTOPEN:
      return system_error == EACCES || system_error == EPERM ? DatabaseError::not_permitted
                                                             : DatabaseError::failed;
    default:
      return DatabaseError::failed;
  }
}

// SQLite has one code for many errors. That a statement names what is not there it says in words
// alone.
bool names_what_is_missing(int code, std::string_view message) {
  return code == SQLITE_ERROR && message.starts_with("no such ");
}

int open_flags(SqliteConnection::Access access) {
  return SQLITE_OPEN_NOMUTEX |
         (access == SqliteConnection::Access::read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
}

}  // namespace

void SqliteConnection::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Result<SqliteConnection, DatabaseFailure> SqliteConnection::open_once(const std::string& path,
                                                                      Access access,
                                                                      milliseconds busy_timeout) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, open_flags(access), nullptr);
  SqliteConnection connection(raw);
  if (raw == nullptr) return unexpected(DatabaseFailure{DatabaseError::failed, "out of memory"});
  if (code != SQLITE_OK) return unexpected(connection.last_failure());
  sqlite3_extended_result_codes(raw, 1);
  // The file is data: whatever is written in it can't run code or spoil the file's structure.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, static_cast<int*>(nullptr));
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, static_cast<int*>(nullptr));
  connection.set_busy_timeout(busy_timeout);
  if (auto probed = connection.execute("select count(*) from sqlite_schema"); !probed) {
    return unexpected(probed.error());
  }
  // A mapped file that shrinks kills the process, so never map it.
  if (auto set = connection.execute("pragma mmap_size = 0; pragma cell_size_check = on"); !set) {
    return unexpected(set.error());
  }
  if (access == Access::read) return connection;
  // FULL: a command that has said "done" survives a power cut. Secure delete: a removed key or
  // secret is overwritten in the file. The journal mode is left as it is found (see schema.h).
  if (auto set = connection.execute("pragma synchronous = full; pragma secure_delete = on"); !set) {
    return unexpected(set.error());
  }
  return connection;
}

Result<SqliteConnection, DatabaseFailure> SqliteConnection::open(const std::string& path,
                                                                 Access access,
                                                                 milliseconds busy_timeout) {
  if (auto ready = check_database_file(path); !ready) {
    if (ready.error().error != DatabaseError::missing || access != Access::create) {
      return unexpected(ready.error());
    }
    if (auto made = make_private_file(path); !made) return unexpected(made.error());
  }
  auto connection = open_once(path, access, busy_timeout);
  if (connection || access != Access::read ||
      connection.error().error != DatabaseError::interrupted_write) {
    return connection;
  }
  // A writer was killed in the middle of a commit. Its journal takes the change back, but SQLite
  // plays a journal only for a connection that may write, so open one for as long as that takes.
  if (auto writer = open_once(path, Access::write, busy_timeout); !writer) return connection;
  return open_once(path, access, busy_timeout);
}

Result<Statement, DatabaseFailure> SqliteConnection::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code = sqlite3_prepare_v3(database_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (code != SQLITE_OK) return unexpected(last_failure());
  return Statement(raw);
}

Result<void, DatabaseFailure> SqliteConnection::execute(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return unexpected(last_failure());
}

Result<void, DatabaseFailure> SqliteConnection::execute(
    std::string_view sql, std::initializer_list<std::string_view> values) {
  auto statement = prepare(sql);
  if (!statement) return unexpected(statement.error());
  Rows rows = statement->run(values);
  while (rows.next()) {
  }
  if (rows.failed()) return unexpected(last_failure());
  return {};
}

int64_t SqliteConnection::changed_rows() const {
  return sqlite3_changes(database_.get());
}

DatabaseFailure SqliteConnection::last_failure() const {
  const int code = sqlite3_extended_errcode(database_.get());
  const int system_error = sqlite3_system_errno(database_.get());
  DatabaseFailure failure{classify(code, system_error), sqlite3_errmsg(database_.get())};
  if (names_what_is_missing(code, failure.detail)) {
    failure.error = DatabaseError::not_a_user_database;
  }
  if (primary_code(code) == SQLITE_CANTOPEN && system_error != 0) {
    failure.detail = std::generic_category().message(system_error);
  }
  return failure;
}

void SqliteConnection::set_busy_timeout(milliseconds timeout) {
  sqlite3_busy_timeout(database_.get(), static_cast<int>(timeout.count()));
}

void Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Rows Statement::run(std::initializer_list<std::string_view> values) {
  int index = 0;
  for (const std::string_view value : values) {
    // A null pointer would bind NULL. No destructor: the caller keeps the text (SQLITE_STATIC).
    const char* text = value.data() == nullptr ? "" : value.data();
    sqlite3_bind_text64(statement_.get(), ++index, text, value.size(), nullptr, SQLITE_UTF8);
  }
  return Rows(statement_.get());
}

Rows Statement::run_with(int64_t value) {
  sqlite3_bind_int64(statement_.get(), 1, value);
  return Rows(statement_.get());
}

Rows::~Rows() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

bool Rows::next() {
  const int code = sqlite3_step(statement_);
  failed_ = code != SQLITE_ROW && code != SQLITE_DONE;
  return code == SQLITE_ROW;
}

std::string_view Rows::text(int column) const {
  // The order matters: sqlite3_column_bytes tells the size of what column_text has made.
  const unsigned char* text = sqlite3_column_text(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  if (text == nullptr) return {};
  return as_text({text, static_cast<size_t>(size)});
}

int64_t Rows::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

Result<Transaction, DatabaseFailure> Transaction::begin(SqliteConnection& connection, Kind kind) {
  auto begun = connection.execute(kind == Kind::read ? "begin" : "begin immediate");
  if (!begun) return unexpected(begun.error());
  return Transaction(connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  // A failed rollback leaves nothing behind either: SQLite has then rolled back by itself.
  if (connection_ != nullptr) static_cast<void>(connection_->execute("rollback"));
}

Result<void, DatabaseFailure> Transaction::commit() {
  auto committed = connection_->execute("commit");
  if (committed) connection_ = nullptr;
  return committed;
}

}  // namespace turnpike::auth
