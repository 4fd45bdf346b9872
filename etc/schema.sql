-- The user database of Turnpike (SQLite), as the server and `turnpike user add` create it.
--
-- The first eight tables are those of coturn, so that one file serves both servers and both tools;
-- turnpike_user is ours. A coturn database is used as it is: the ninth table is added to it by the
-- first `turnpike user add`, never by the server.
--
-- turnusers_lt.hmackey is the MD5 of name:realm:password in hexadecimal. turnpike_user.sha256key and
-- .userhash are the SHA-256 of name:realm:password and of name:realm, and .hmackey is the MD5 key
-- of the same password: a row whose hmackey differs from that of turnusers_lt is out of date and
-- not used.

create table turnusers_lt (
  realm varchar(127) default '',
  name varchar(512),
  hmackey char(128),
  primary key (realm, name));

create table turn_secret (
  realm varchar(127) default '',
  value varchar(127),
  primary key (realm, value));

create table allowed_peer_ip (
  realm varchar(127) default '',
  ip_range varchar(256),
  primary key (realm, ip_range));

create table denied_peer_ip (
  realm varchar(127) default '',
  ip_range varchar(256),
  primary key (realm, ip_range));

create table turn_origin_to_realm (
  origin varchar(127),
  realm varchar(127),
  primary key (origin));

create table turn_realm_option (
  realm varchar(127) default '',
  opt varchar(32),
  value varchar(128),
  primary key (realm, opt));

create table oauth_key (
  kid varchar(128),
  ikm_key varchar(256),
  timestamp bigint default 0,
  lifetime integer default 0,
  as_rs_alg varchar(64) default '',
  realm varchar(127) default '',
  primary key (kid));

create table admin_user (
  name varchar(32),
  realm varchar(127),
  password varchar(127),
  primary key (name));

create table turnpike_user (
  realm varchar(127) default '',
  name varchar(512),
  sha256key char(64),
  userhash char(64),
  hmackey char(32),
  primary key (realm, name),
  unique (realm, userhash));
