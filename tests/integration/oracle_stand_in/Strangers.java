// Oracle's JDBC driver against the stand-in: `java -cp ojdbc8.jar Strangers.java host:port/service user password`;
// prints what it read, a line each.

import java.math.BigDecimal;
import java.sql.*;

public class Strangers {
    static final Timestamp AT = Timestamp.valueOf("2026-01-02 03:04:05.678");

    public static void main(String[] arguments) throws SQLException {
        try (Connection connection = DriverManager.getConnection(
                "jdbc:oracle:thin:@//" + arguments[0], arguments[1], arguments[2])) {
            connection.setAutoCommit(false);
            try (Statement statement = connection.createStatement()) {
                statement.execute("CREATE TABLE java_t (id NUMBER PRIMARY KEY, name VARCHAR2(40) NOT NULL,"
                        + " num NUMBER(10,2), at TIMESTAMP(6), d DATE, r RAW(10))");
            }
            insert(connection, 0, 500);
            connection.commit();
            query(connection);
            try {
                insert(connection, 499, 501);
            } catch (BatchUpdateException error) {
                System.out.println("duplicate ORA-" + error.getErrorCode());
            }
            connection.rollback();
            try (Statement statement = connection.createStatement()) {
                statement.executeQuery("SELECT nothing FROM java_t");
            } catch (SQLException error) {
                System.out.println("refused ORA-" + error.getErrorCode());
            }
            connection.setClientInfo("OCSID.MODULE", "strangers");
            connection.setClientInfo("OCSID.ECID", "e7c");
            first(connection);
            look(connection);
        }
    }

    static void insert(Connection connection, int first, int end) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO java_t VALUES (?, ?, ?, ?, ?, ?)")) {
            for (int id = first; id < end; id++) {
                insert.setInt(1, id);
                insert.setString(2, "이름 " + id);
                insert.setBigDecimal(3, id == 7 ? null : new BigDecimal("1.25"));
                insert.setTimestamp(4, AT);
                insert.setDate(5, Date.valueOf("2026-01-02"));
                insert.setBytes(6, new byte[] {1, 2});
                insert.addBatch();
            }
            System.out.println("inserted " + insert.executeBatch().length);
        }
    }

    /** Some rows of many: what is not fetched is cancelled, by a message in front of the next call. */
    static void first(Connection connection) throws SQLException {
        for (int time = 0; time < 2; time++) {
            try (Statement statement = connection.createStatement()) {
                statement.setFetchSize(5);
                try (ResultSet rows = statement.executeQuery("SELECT id FROM java_t ORDER BY id")) {
                    rows.next();
                    System.out.println("first " + rows.getInt(1));
                }
            }
        }
    }

    static void query(Connection connection) throws SQLException {
        String text = "SELECT id, name, num, at, d, r FROM java_t WHERE id >= ? ORDER BY id";
        try (PreparedStatement query = connection.prepareStatement(text)) {
            query.setInt(1, 7);
            try (ResultSet rows = query.executeQuery()) {
                int count = 0;
                while (rows.next()) {
                    if (count++ == 0) {
                        System.out.println("row " + rows.getInt(1) + " " + rows.getString(2) + " " + rows.getBigDecimal(3)
                                + " " + rows.getTimestamp(4) + " " + rows.getDate(5) + " " + rows.getBytes(6).length);
                    }
                }
                System.out.println("fetched " + count);
            }
        }
    }

    static void look(Connection connection) throws SQLException {
        DatabaseMetaData about = connection.getMetaData();
        System.out.println("driver " + about.getDriverVersion());
        try (ResultSet tables = about.getTables(null, about.getUserName(), "JAVA_T", new String[] {"TABLE"})) {
            while (tables.next()) System.out.println("table " + tables.getString("TABLE_NAME"));
        }
        try (ResultSet keys = about.getPrimaryKeys(null, about.getUserName(), "JAVA_T")) {
            while (keys.next()) System.out.println("key " + keys.getString("COLUMN_NAME"));
        }
    }
}
