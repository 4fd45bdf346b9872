// The little of SQLite that we use, as values that clean up after themselves. One thread at a time.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "auth/store/database_error.h"
#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace turnpike::auth {

// The rows of one run of a statement. The statement is reset, and with it the lock on the file is
// given back, when this goes away.
class Rows {
 public:
  explicit Rows(sqlite3_stmt* statement) : statement_(statement) {}
  ~Rows();
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  // Steps to the next row. False at the end and after an error.
  [[nodiscard]] bool next();
  [[nodiscard]] bool failed() const { return failed_; }

  // Columns of the present row, from 0. A text is valid until next() or the end of the Rows.
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] int64_t integer(int column) const;

 private:
  sqlite3_stmt* statement_;
  bool failed_ = false;
};

// A prepared statement. Must go away before its connection does.
class Statement {
 public:
  // Binds the values to ?1, ?2, ...; they must live as long as the Rows.
  Rows run(std::initializer_list<std::string_view> values);
  Rows run_with(int64_t value);

 private:
  friend class SqliteConnection;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class SqliteConnection {
 public:
  enum class Access : uint8_t {
    read,
    write,
    create,  // As write, and an empty file is made when there is none.
  };

  // Opens the file and reads its header, so that what is not a database fails here. `path` must be
  // absolute: then SQLite takes no name for a URI or for a database in memory. A change that a
  // killed writer left half done is taken back, by a connection for reading too.
  static Result<SqliteConnection, DatabaseFailure> open(const std::string& path, Access access,
                                                        milliseconds busy_timeout);

  [[nodiscard]] Result<Statement, DatabaseFailure> prepare(std::string_view sql);
  // For statements without values or rows; several may be joined by semicolons.
  [[nodiscard]] Result<void, DatabaseFailure> execute(const std::string& sql);
  // One statement with values and without rows.
  [[nodiscard]] Result<void, DatabaseFailure> execute(
      std::string_view sql, std::initializer_list<std::string_view> values);

  // Rows that the last insert, update or delete changed.
  [[nodiscard]] int64_t changed_rows() const;
  // What the last call that failed has left behind.
  [[nodiscard]] DatabaseFailure last_failure() const;

  void set_busy_timeout(milliseconds timeout);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit SqliteConnection(sqlite3* database) : database_(database) {}
  static Result<SqliteConnection, DatabaseFailure> open_once(const std::string& path, Access access,
                                                             milliseconds busy_timeout);

  std::unique_ptr<sqlite3, Close> database_;
};

// A transaction that is taken back unless commit() succeeded.
class Transaction {
 public:
  enum class Kind : uint8_t { read, write };

  static Result<Transaction, DatabaseFailure> begin(SqliteConnection& connection, Kind kind);
  ~Transaction();
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;

  [[nodiscard]] Result<void, DatabaseFailure> commit();

 private:
  explicit Transaction(SqliteConnection& connection) : connection_(&connection) {}

  SqliteConnection* connection_;  // nullptr: nothing left to take back.
};

}  // namespace turnpike::auth
