-- The schema for MySQL 8 and MariaDB 10.6+, for DBAs who do not run `hub migrate`.
-- Generated from the migrations in this folder (`python -m sql`); do not edit.
-- Load it into an empty database: mariadb DATABASE < mysql.sql

CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, 
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

-- Running upgrade  -> 0001

CREATE TABLE users (
    id BIGINT NOT NULL AUTO_INCREMENT, 
    username VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, 
    password VARCHAR(255) NOT NULL, 
    status SMALLINT NOT NULL, 
    expire_at DATETIME(6), 
    created_at DATETIME(6) NOT NULL, 
    updated_at DATETIME(6) NOT NULL, 
    `role` VARCHAR(16) NOT NULL, 
    session_id VARCHAR(64), 
    CONSTRAINT pk_users PRIMARY KEY (id), 
    CONSTRAINT uq_users_username UNIQUE (username)
)ENGINE=InnoDB CHARSET=utf8mb4;

CREATE INDEX ix_users_status ON users (status);

CREATE INDEX ix_users_expire_at ON users (expire_at);

CREATE TABLE orders (
    id BIGINT NOT NULL AUTO_INCREMENT, 
    time_increments VARCHAR(16) NOT NULL, 
    symbol_name VARCHAR(20) NOT NULL, 
    direction VARCHAR(8) NOT NULL, 
    valid_duration INTEGER NOT NULL, 
    status SMALLINT NOT NULL, 
    created_at DATETIME(6) NOT NULL, 
    updated_at DATETIME(6) NOT NULL, 
    created_by BIGINT, 
    idempotency_key VARCHAR(128) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, 
    targets MEDIUMTEXT CHARACTER SET utf8mb4, 
    CONSTRAINT pk_orders PRIMARY KEY (id), 
    CONSTRAINT uq_orders_idempotency_key UNIQUE (idempotency_key), 
    CONSTRAINT fk_orders_created_by FOREIGN KEY(created_by) REFERENCES users (id) ON DELETE SET NULL
)ENGINE=InnoDB CHARSET=utf8mb4;

CREATE INDEX ix_orders_status ON orders (status);

CREATE INDEX ix_orders_created_at ON orders (created_at);

CREATE TABLE order_assignments (
    id BIGINT NOT NULL AUTO_INCREMENT, 
    order_id BIGINT NOT NULL, 
    user_id BIGINT NOT NULL, 
    assigned_at DATETIME(6) NOT NULL, 
    executed_at DATETIME(6), 
    execution_result MEDIUMTEXT CHARACTER SET utf8mb4, 
    device_id VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, 
    acked_at DATETIME(6), 
    outcome VARCHAR(16), 
    CONSTRAINT pk_order_assignments PRIMARY KEY (id), 
    CONSTRAINT uq_order_assignments_order_id_user_id UNIQUE (order_id, user_id), 
    CONSTRAINT fk_order_assignments_order_id FOREIGN KEY(order_id) REFERENCES orders (id) ON DELETE CASCADE, 
    CONSTRAINT fk_order_assignments_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
)ENGINE=InnoDB CHARSET=utf8mb4;

CREATE INDEX ix_order_assignments_user_id ON order_assignments (user_id);

CREATE INDEX ix_order_assignments_assigned_at ON order_assignments (assigned_at);

INSERT INTO alembic_version (version_num) VALUES ('0001');

-- Running upgrade 0001 -> 0002

CREATE TABLE hub_state (
    name VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, 
    value VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, 
    CONSTRAINT pk_hub_state PRIMARY KEY (name)
)ENGINE=InnoDB CHARSET=utf8mb4;

CREATE TABLE hub_processes (
    name VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, 
    redis VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, 
    seen_at DATETIME(6) NOT NULL, 
    CONSTRAINT pk_hub_processes PRIMARY KEY (name)
)ENGINE=InnoDB CHARSET=utf8mb4;

CREATE TABLE account_changes (
    id BIGINT NOT NULL AUTO_INCREMENT, 
    user_id BIGINT NOT NULL, 
    CONSTRAINT pk_account_changes PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4;

INSERT INTO hub_state (name, value) VALUES ('hub_id', UUID());

UPDATE alembic_version SET version_num='0002' WHERE alembic_version.version_num = '0001';

-- Running upgrade 0002 -> 0003

ALTER TABLE order_assignments ADD COLUMN presumed SMALLINT;

ALTER TABLE order_assignments ADD COLUMN journal VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

ALTER TABLE order_assignments ADD COLUMN settlement VARCHAR(24);

ALTER TABLE order_assignments ADD COLUMN settled_at DATETIME(6);

CREATE INDEX ix_order_assignments_outcome ON order_assignments (outcome);

ALTER TABLE hub_processes ADD COLUMN unwritten INTEGER;

CREATE TABLE contradictions (
    id BIGINT NOT NULL AUTO_INCREMENT, 
    order_id BIGINT NOT NULL, 
    user_id BIGINT NOT NULL, 
    device_id VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, 
    outcome VARCHAR(16) NOT NULL, 
    executed_at DATETIME(6) NOT NULL, 
    execution_result MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL, 
    reported_at DATETIME(6) NOT NULL, 
    CONSTRAINT pk_contradictions PRIMARY KEY (id), 
    CONSTRAINT fk_contradictions_order_id FOREIGN KEY(order_id) REFERENCES orders (id) ON DELETE CASCADE, 
    CONSTRAINT fk_contradictions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
    CONSTRAINT uq_contradictions_order_id_user_id_device_id UNIQUE (order_id, user_id, device_id)
)ENGINE=InnoDB CHARSET=utf8mb4;

CREATE INDEX ix_contradictions_user_id ON contradictions (user_id);

CREATE TABLE journals (
    journal VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, 
    user_id BIGINT NOT NULL, 
    start VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, 
    is_copy SMALLINT NOT NULL, 
    seen_at DATETIME(6) NOT NULL, 
    CONSTRAINT pk_journals PRIMARY KEY (journal), 
    CONSTRAINT fk_journals_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
)ENGINE=InnoDB CHARSET=utf8mb4;

CREATE INDEX ix_journals_user_id ON journals (user_id);

UPDATE alembic_version SET version_num='0003' WHERE alembic_version.version_num = '0002';

