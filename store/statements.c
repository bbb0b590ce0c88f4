/*
 * The statements. Parameters are bound in the order of their numbers. None of
 * those that read scans a table that grows with what was learned.
 */
#include "statements.h"

#include <stddef.h>

#include "search.h"

#define LIVE	      "archived = 0 AND component_count > 0"
#define LIVE_P	      "p.archived = 0 AND p.component_count > 0"
#define ENTRY_COLUMNS "id, scope, file_name, size, mtime"
#define DOCUMENT_COLUMNS                                                                                               \
	"id, component_name, pattern_type, pattern_name, category, subcategory, component_type, complexity_range,"     \
	" success_count, failure_count, component_count, confidence_lower_bound, pattern_signature,"                   \
	" libraries_involved, pattern_data"
#define ENTRY_COLUMNS_P "p.id, p.scope, p.file_name, p.size, p.mtime"
#define COMPONENT_COLUMNS                                                                                              \
	"id, coalesce(entry_name, component_name), source_size, document_size, record_size, source_mtime, mtime,"      \
	" success_count, failure_count, confidence_score, pattern_count"
#define FILE_COLUMNS                                                                                                   \
	"id, parent, mode, uid, gid, size, atime, mtime, ctime, subdirectories, orphan, name, implicit, listed,"       \
	" judged, children, source_id"
#define NOTE_COLUMNS "id, parent, kind, size, mtime, listed, name"
#define PATH	     "category || '/' || component_type || '/' || pattern_type || '/' || file_name"
#define PATH_P	     "p.category || '/' || p.component_type || '/' || p.pattern_type || '/' || p.file_name"

#define TOTALS                                                                                                         \
	"sum(patterns), sum(success), sum(failure), sum(high), sum(medium), sum(low), sum(confidence_ppb), max(mtime)"

const char *const stmt_sql[STMT_COUNT] = {
	[STMT_SNAPSHOT] = "BEGIN",
	[STMT_BEGIN] = "BEGIN IMMEDIATE",
	[STMT_COMMIT] = "COMMIT",
	[STMT_ROLLBACK] = "ROLLBACK",
	[STMT_SAVEPOINT] = "SAVEPOINT step",
	[STMT_RELEASE] = "RELEASE step",
	[STMT_ROLLBACK_TO] = "ROLLBACK TO step",
	[STMT_DATA_VERSION] = "PRAGMA data_version",

	[STMT_CATEGORY_ID] = "SELECT id FROM categories WHERE name = ?1",
	[STMT_CATEGORY_NAME] = "SELECT name FROM categories WHERE id = ?1",
	[STMT_CATEGORY_ADD] = "INSERT INTO categories (name) VALUES (?1)",
	/* ?1-?2: a range of scopes; ?3: how far to shift a scope right to tell the directories below apart */
	[STMT_SCOPE_TOTALS] = "SELECT " TOTALS ", count(DISTINCT CASE WHEN patterns > 0 THEN scope >> ?3 END)"
			      " FROM directories WHERE scope BETWEEN ?1 AND ?2",
	/* Where those below are rows: DISTINCT would make a table of its own each time. */
	[STMT_TYPE_TOTALS] = "SELECT " TOTALS ", count(CASE WHEN patterns > 0 THEN 1 END)"
			     " FROM directories WHERE scope BETWEEN ?1 AND ?2",
	[STMT_DIRECTORY_TOTALS] = "SELECT patterns, success, failure, high, medium, low, confidence_ppb, mtime, 0"
				  " FROM directories WHERE scope = ?1",
	[STMT_SCOPE_CATEGORIES] = "SELECT d.scope >> 8 << 8, c.name, max(d.mtime),"
				  " count(DISTINCT CASE WHEN d.patterns > 0 THEN d.scope >> 4 END)"
				  " FROM directories d JOIN categories c ON c.id = d.scope >> 8"
				  " GROUP BY d.scope >> 8 HAVING sum(d.patterns) > 0 ORDER BY 1",
	[STMT_SCOPE_CHILDREN] = "SELECT scope >> ?3 << ?3, NULL, max(mtime), count(CASE WHEN patterns > 0 THEN 1 END)"
				" FROM directories WHERE scope BETWEEN ?1 AND ?2"
				" GROUP BY scope >> ?3 HAVING sum(patterns) > 0 ORDER BY 1",
	[STMT_TYPE_CHILDREN] = "SELECT scope, NULL, mtime, 0 FROM directories WHERE scope BETWEEN ?1 AND ?2"
			       " AND patterns > 0 ORDER BY scope",

	[STMT_PATTERN_FIND] =
		"SELECT " ENTRY_COLUMNS " FROM code_patterns WHERE scope = ?1 AND file_name = ?2 AND " LIVE,
	[STMT_PATTERN_STAT] = "SELECT " ENTRY_COLUMNS " FROM code_patterns WHERE id = ?1 AND " LIVE,
	[STMT_PROMPT] = "SELECT content FROM prompts WHERE scope = ?1 AND version = ?2 AND format = ?3"
			" AND length(CAST(content AS BLOB)) <= ?4",
	[STMT_PROMPT_KEEP] = "INSERT INTO prompts (scope, version, format, content) VALUES (?1, ?2, ?3, ?4)"
			     " ON CONFLICT (scope) DO UPDATE SET version = excluded.version, format = excluded.format,"
			     " content = excluded.content",
	[STMT_SIMILAR] = "SELECT ids FROM similar WHERE component_id = ?1 AND version = ?2 AND format = ?3",
	[STMT_SIMILAR_KEEP] = "INSERT INTO similar (component_id, version, format, ids) VALUES (?1, ?2, ?3, ?4)"
			      " ON CONFLICT (component_id) DO UPDATE SET version = excluded.version,"
			      " format = excluded.format, ids = excluded.ids",
	[STMT_LISTING_ROOT] = "SELECT rootpage FROM main.sqlite_schema WHERE name = 'code_patterns_listing'",
	/*
	 * Reads the index alone. (EXPLAIN QUERY PLAN does not call it covering, for SQLite takes a generated column to
	 * need the whole row; but the row is never sought, as EXPLAIN shows: its size is in the index.)
	 */
	[STMT_PATTERN_LIST] = "SELECT " ENTRY_COLUMNS " FROM code_patterns INDEXED BY code_patterns_listing"
			      " WHERE scope = ?1 AND id > ?2 AND " LIVE " ORDER BY id",
	[STMT_PATTERN_DOCUMENT] = "SELECT " DOCUMENT_COLUMNS " FROM code_patterns WHERE id = ?1 AND " LIVE,
	[STMT_PATTERN_DOCUMENTS] =
		"SELECT " DOCUMENT_COLUMNS ", size, mtime FROM code_patterns INDEXED BY code_patterns_listing"
		" WHERE scope = ?1 AND id > ?2 AND " LIVE " ORDER BY id",
	[STMT_PATTERN_IDS_OF_SCOPE] = "SELECT id FROM code_patterns INDEXED BY code_patterns_listing"
				      " WHERE scope BETWEEN ?1 AND ?2 AND " LIVE,
	[STMT_PATTERN_IDS_OF_COMPONENT] =
		"SELECT p.id FROM sightings s CROSS JOIN code_patterns p ON p.id = s.pattern_id"
		" WHERE s.component_id = ?1 AND " LIVE_P,
	[STMT_PATTERN_IS_LIVE] = "SELECT " PATH ", " LIVE " FROM code_patterns WHERE id = ?1",
	[STMT_PATTERN_LAST] = "SELECT max(id) FROM code_patterns",
	[STMT_PATTERN_BY_SIGNATURE] = "SELECT id, file_name, archived, success_count, failure_count, component_count,"
				      " confidence_lower_bound, size FROM code_patterns WHERE category = ?1"
				      " AND component_type = ?2 AND pattern_type = ?3 AND pattern_signature = ?4",
	[STMT_PATTERN_COUNTS] = "SELECT scope, " PATH ", success_count, failure_count, component_count,"
				" confidence_lower_bound, size, file_name FROM code_patterns WHERE id = ?1 AND " LIVE,
	/* (No RETURNING, which would make a table of its own each time.) */
	[STMT_PATTERN_PUT_COUNTS] =
		"UPDATE code_patterns SET success_count = ?2, failure_count = ?3,"
		" component_count = ?4, confidence_lower_bound = ?5, size = size + ?6,"
		" mtime = max(mtime + 1, ?7), breadth = breadth + ?8, trivial = coalesce(?9, trivial),"
		" pattern_data = coalesce(?10, pattern_data),"
		" rank_order = " RANK_ORDER("coalesce(?9, trivial)", "?5", "(breadth + ?8)", "?4") " WHERE id = ?1",
	[STMT_PATTERN_ADD] =
		"INSERT INTO code_patterns (id, component_name, pattern_type, pattern_name, category, subcategory,"
		" component_type, complexity_range, success_count, failure_count, confidence_lower_bound,"
		" component_count, pattern_signature, libraries_involved, scope, file_name, mtime, pattern_data, size,"
		" trivial, breadth, rank_order)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 1, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, "
		"?20, " RANK_ORDER("?19", "?11", "?20", "1") ")"
							     " ON CONFLICT (scope, file_name) DO NOTHING",
	[STMT_PATTERN_RESTORE] = "UPDATE code_patterns SET archived = 0, mtime = max(mtime + 1, ?2) WHERE id = ?1",
	[STMT_PATTERN_ARCHIVE] = "UPDATE code_patterns SET archived = 1, mtime = max(mtime + 1, ?2)"
				 " WHERE id = ?1 AND " LIVE " RETURNING " PATH ", success_count, failure_count, scope",
	[STMT_EDITS] = "SELECT p.id, " PATH_P ", p.success_count, p.failure_count, p.component_count,"
		       " p.confidence_lower_bound, p.scope FROM hand_edits e"
		       " CROSS JOIN code_patterns p ON p.id = e.pattern_id ORDER BY e.pattern_id",
	[STMT_EDITS_CLEAR] = "DELETE FROM hand_edits",
	[STMT_EDITED] = "SELECT EXISTS (SELECT 1 FROM hand_edits) OR EXISTS (SELECT 1 FROM hand_component_edits)",
	[STMT_COMPONENT_EDITS] = "SELECT c.id, c.component_name, c.success_count, c.failure_count, c.component_type"
				 " FROM hand_component_edits e CROSS JOIN components c ON c.id = e.component_id"
				 " ORDER BY e.component_id",
	[STMT_COMPONENT_ADOPT] = "UPDATE components SET verdict_bound = lower_bound(success_count, failure_count),"
				 " mtime = max(mtime + 1, ?2) WHERE id = ?1",
	[STMT_COMPONENT_EDITS_CLEAR] = "DELETE FROM hand_component_edits",
	[STMT_PATTERN_DATA] = "SELECT pattern_data FROM code_patterns WHERE id = ?1",
	[STMT_PATTERN_DATA_LIVE] = "SELECT pattern_data FROM code_patterns WHERE id = ?1 AND " LIVE,
	/* Further components that show it. */
	[STMT_PATTERN_EXAMPLES] = "SELECT c.component_name FROM code_patterns p CROSS JOIN sightings s"
				  " ON s.pattern_id = p.id CROSS JOIN components c ON c.id = s.component_id"
				  " WHERE p.id = ?1 AND c.component_name <> p.component_name"
				  " ORDER BY s.component_id LIMIT 3",
	[STMT_DIRECTORY_ADD] =
		"INSERT INTO directories (scope, patterns, success, failure, high, medium, low, confidence_ppb, mtime)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (scope) DO UPDATE SET"
		" patterns = patterns + excluded.patterns, success = success + excluded.success,"
		" failure = failure + excluded.failure, high = high + excluded.high,"
		" medium = medium + excluded.medium, low = low + excluded.low,"
		" confidence_ppb = confidence_ppb + excluded.confidence_ppb, mtime = max(mtime + 1, excluded.mtime)",
	/* ?2: no pattern of it ranks higher. */
	[STMT_DIRECTORY_RAISE] = "INSERT INTO directory_ranks VALUES (?1, ?2) ON CONFLICT (scope) DO UPDATE"
				 " SET best = excluded.best WHERE best < excluded.best",
	/* As its patterns' rows say. */
	[STMT_DIRECTORY_RANK] = "INSERT INTO directory_ranks SELECT ?1, p.rank_order FROM code_patterns p"
				" INDEXED BY code_patterns_ranking WHERE p.scope = ?1 AND " LIVE_P
				" ORDER BY p.rank_order DESC LIMIT 1 ON CONFLICT (scope) DO UPDATE"
				" SET best = excluded.best WHERE best <> excluded.best",
	[STMT_PAIR] = "INSERT INTO pattern_combinations (pattern_a, pattern_b, success_count, failure_count)"
		      " VALUES (?1, ?2, ?3, ?4) ON CONFLICT (pattern_a, pattern_b) DO UPDATE SET"
		      " success_count = success_count + excluded.success_count,"
		      " failure_count = failure_count + excluded.failure_count",

	[STMT_PATTERN_ADD_BREADTH] = "UPDATE code_patterns SET breadth = breadth + ?2, rank_order = " RANK_ORDER(
		"trivial", "confidence_lower_bound", "(breadth + ?2)", "component_count") " WHERE id = ?1",
	[STMT_PATTERN_RAISE] = "UPDATE directory_ranks SET best = p.rank_order FROM code_patterns p WHERE p.id = ?1"
			       " AND directory_ranks.scope = p.scope AND directory_ranks.best < p.rank_order",
	[STMT_PAIRED_PATTERN] = "INSERT INTO verdict_patterns (pattern_id, successes) VALUES (?1, 1)"
				" ON CONFLICT (pattern_id) DO UPDATE SET successes = successes + 1",
	[STMT_PAIRED_TOTAL] = "UPDATE verdict_totals SET successes = successes + 1 WHERE id = 1",

	/* ?1: a JSON array of names; an id, or null where the library is not known yet. */
	[STMT_LIBRARY_LIST] = "SELECT l.id, j.value FROM json_each(?1) j LEFT JOIN libraries l ON l.name = j.value",
	[STMT_LIBRARY_ADD] = "INSERT INTO libraries (name) VALUES (?1)",
	[STMT_COMPONENT_LIBRARY_ADD] =
		"INSERT OR IGNORE INTO component_libraries (library_id, component_id) VALUES (?1, ?2)",
	[STMT_COMPONENT_LIBRARY_DROP] = "DELETE FROM component_libraries WHERE library_id = ?1 AND component_id = ?2",
	[STMT_PATTERN_LIBRARY_ADD] = "INSERT OR IGNORE INTO pattern_libraries (library_id, pattern_id) VALUES (?1, ?2)",
	/* Where no component that involves the library shows the pattern: by way of the library's, or the pattern's. */
	[STMT_PATTERN_LIBRARY_DROP] =
		"DELETE FROM pattern_libraries WHERE library_id = ?1 AND pattern_id = ?2 AND NOT EXISTS ("
		" SELECT 1 FROM component_libraries l CROSS JOIN sightings s ON s.component_id = l.component_id"
		"  AND s.pattern_id = ?2 WHERE l.library_id = ?1)",
	[STMT_RARE_PATTERN_LIBRARY_DROP] =
		"DELETE FROM pattern_libraries WHERE library_id = ?1 AND pattern_id = ?2 AND NOT EXISTS ("
		" SELECT 1 FROM sightings s CROSS JOIN component_libraries l ON l.component_id = s.component_id"
		"  AND l.library_id = ?1 WHERE s.pattern_id = ?2)",

	[STMT_WORDS_INDEXED] = "SELECT pattern_id FROM text_indexed WHERE id = 1",
	[STMT_WORDS_INDEX] = "INSERT INTO pattern_text (rowid, words) SELECT p.id, " PATTERN_TEXT(
		"p") " FROM code_patterns p WHERE p.id > ?1 AND p.id <= ?2 ORDER BY p.id",
	/* Rows -N, in order. */
	[STMT_NAMES_INDEX] = "INSERT INTO pattern_text (rowid, words) SELECT -c.id, name_text(c.component_name)"
			     " FROM components c WHERE c.id > (SELECT i.component_id FROM text_indexed i)"
			     " ORDER BY c.id DESC",
	[STMT_NAMES_SET_INDEXED] = "UPDATE text_indexed SET component_id = (SELECT max(id) FROM components)",
	[STMT_WORDS_SET_INDEXED] = "UPDATE text_indexed SET pattern_id = ?1 WHERE id = 1",
	[STMT_REWORDED] = "SELECT e.pattern_id FROM hand_texts e",
	[STMT_WORDS_FORGET] =
		"INSERT INTO pattern_text (pattern_text, rowid, words) SELECT 'delete', p.pattern_id, " PATTERN_TEXT(
			"p") " FROM hand_texts p WHERE p.pattern_id = ?1"
			     " AND p.pattern_id <= (SELECT i.pattern_id FROM text_indexed i)",
	[STMT_WORDS_PUT] = "INSERT INTO pattern_text (rowid, words) SELECT p.id, " PATTERN_TEXT(
		"p") " FROM code_patterns p WHERE p.id = ?1"
		     " AND p.id <= (SELECT i.pattern_id FROM text_indexed i)",
	[STMT_REWORDED_CLEAR] = "DELETE FROM hand_texts",

	[STMT_RETRIEVAL_LIBRARY] = "SELECT id FROM libraries WHERE name = ?1",
	[STMT_RETRIEVAL_SUBCATEGORY] = "SELECT 1 FROM component_places WHERE subcategory = ?1 AND components > 0",
	[STMT_RETRIEVAL_NAMED] = "SELECT p.id FROM directories d CROSS JOIN code_patterns p ON p.scope = d.scope"
				 " AND p.file_name = ?1 WHERE " LIVE_P " LIMIT 1",
	/* A number that moves with each change by hand, and when the last was. */
	[STMT_HAND_EDITS] =
		"SELECT coalesce(sum(mtime & 0xffffffffff), 0), max(mtime) FROM (SELECT p.mtime FROM hand_edits e"
		" CROSS JOIN code_patterns p ON p.id = e.pattern_id UNION ALL SELECT c.mtime"
		" FROM hand_component_edits e CROSS JOIN components c ON c.id = e.component_id)",

	/* The first term where the directory has the class's name, the second where that was cut. */
	[STMT_COMPONENT_FIND] = "SELECT " COMPONENT_COLUMNS " FROM components WHERE component_name = ?1"
				" AND entry_name IS NULL"
				" UNION ALL SELECT " COMPONENT_COLUMNS " FROM components WHERE entry_name = ?1",
	[STMT_COMPONENT_STAT] = "SELECT " COMPONENT_COLUMNS " FROM components WHERE id = ?1",
	[STMT_COMPONENT_LIST] = "SELECT " COMPONENT_COLUMNS " FROM components WHERE id > ?1 ORDER BY id",
	[STMT_COMPONENT_TOTALS] = "SELECT sum(components), max(mtime) FROM component_totals",
	[STMT_COMPONENT_NAME] = "SELECT coalesce(entry_name, component_name) FROM components WHERE id = ?1",
	[STMT_COMPONENT_SOURCE] = "SELECT s.content FROM components c JOIN sources s ON s.id = c.source_id"
				  " WHERE c.id = ?1",
	[STMT_COMPONENT_RECORD] = "SELECT record FROM component_records WHERE component_id = ?1",
	[STMT_COMPONENT_METHOD] =
		"SELECT r.record FROM components c CROSS JOIN component_records r ON r.component_id = c.id"
		" WHERE c.id = ?1 AND c.record_size <= 262144",
	[STMT_COMPONENT_DOCUMENT] = "SELECT head, tail FROM components WHERE id = ?1",
	[STMT_COMPONENT_PATHS] = "SELECT " PATH_P " FROM sightings s CROSS JOIN code_patterns p ON p.id = s.pattern_id"
				 " WHERE s.component_id = ?1 AND " LIVE_P " ORDER BY s.pattern_id",
	[STMT_COMPONENT_PATTERNS] =
		"SELECT " ENTRY_COLUMNS_P " FROM sightings s"
		" CROSS JOIN code_patterns p ON p.id = s.pattern_id"
		" WHERE s.component_id = ?1 AND s.pattern_id > ?2 AND " LIVE_P " ORDER BY s.pattern_id",
	[STMT_COMPONENT_PLACE] = "SELECT k.id, c.component_type FROM components c"
				 " JOIN categories k ON k.name = c.category WHERE c.id = ?1",
	/* ?1: the component, ?2: the file name, ?3: the scope of its place; it lies in one of eleven directories. */
	[STMT_COMPONENT_PATTERN_FIND] = "SELECT " ENTRY_COLUMNS_P " FROM code_patterns p"
					" CROSS JOIN sightings s ON s.component_id = ?1 AND s.pattern_id = p.id"
					" WHERE p.file_name = ?2 AND p.scope IN (?3 + 1, ?3 + 2, ?3 + 3, ?3 + 4, ?3 + "
					"5, ?3 + 6, ?3 + 7, ?3 + 8,"
					" ?3 + 9, ?3 + 10, ?3 + 11) AND " LIVE_P,
	[STMT_COMPONENT_BY_CLASS] = "SELECT id, category, subcategory, component_type, success_score,"
				    " generation_metadata, source_id, revision, source_file, success_count,"
				    " failure_count, mtime, complexity_score, complexity_range, libraries_involved"
				    " FROM components WHERE component_name = ?1",
	/* The parameters of both agree, up to ?19. */
	[STMT_COMPONENT_ADD] =
		"INSERT INTO components (id, category, subcategory, component_type, complexity_score, complexity_range,"
		" libraries_involved, success_score, revision, source_file, first_line, last_line, source_id,"
		" source_size, record_size, source_mtime, mtime, generation_metadata, pattern_count, path_bytes,"
		" component_name, entry_name) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
		" ?16, ?16, coalesce(?17, '{}'), ?18, ?19, ?20, ?21)",
	[STMT_COMPONENT_REVISE] =
		"UPDATE components SET category = ?2, subcategory = ?3, component_type = ?4, complexity_score = ?5,"
		" complexity_range = ?6, libraries_involved = ?7, success_score = coalesce(?8, success_score),"
		" revision = ?9, source_file = ?10, first_line = ?11, last_line = ?12, source_id = ?13,"
		" source_size = ?14, record_size = ?15, source_mtime = max(source_mtime + 1, ?16),"
		" mtime = max(mtime + 1, ?16), generation_metadata = coalesce(?17, generation_metadata),"
		" pattern_count = ?18, path_bytes = ?19 WHERE id = ?1",
	[STMT_COMPONENT_LAST] = "SELECT max(id) FROM components",
	[STMT_COMPONENT_PUT_RECORD] = "INSERT INTO component_records (component_id, record) VALUES (?1, ?2)"
				      " ON CONFLICT (component_id) DO UPDATE SET record = excluded.record",
	[STMT_COMPONENT_COUNT] =
		"INSERT INTO component_totals (component_type, components, mtime) VALUES (?1, ?2, ?3)"
		" ON CONFLICT (component_type) DO UPDATE SET components = components + excluded.components,"
		" mtime = max(mtime + 1, excluded.mtime)",
	[STMT_COMPONENT_COUNT_PLACE] =
		"INSERT INTO component_places (category, component_type, subcategory, components)"
		" VALUES (?1, ?2, coalesce(?3, ''), ?4) ON CONFLICT (category, component_type, subcategory)"
		" DO UPDATE SET components = components + excluded.components",
	/* ?2: 1 where they show the pattern again, -1 where it is gone; ?3: how many bytes its path has */
	[STMT_COMPONENT_PATTERN_CAME] = "UPDATE components SET pattern_count = pattern_count + ?2,"
					" path_bytes = path_bytes + ?2 * ?3, mtime = max(mtime + 1, ?4)"
					" WHERE id IN (SELECT component_id FROM sightings WHERE pattern_id = ?1)",
	[STMT_COMPONENT_PATTERN_CAME_TOTALS] =
		"UPDATE component_totals SET mtime = max(mtime + 1, ?2) WHERE component_type IN"
		" (SELECT c.component_type FROM sightings s CROSS JOIN components c ON c.id = s.component_id"
		"  WHERE s.pattern_id = ?1)",
	[STMT_COMPONENT_VERDICT] = "UPDATE components SET success_count = success_count + ?2,"
				   " failure_count = failure_count + ?3,"
				   " verdict_bound = lower_bound(success_count + ?2, failure_count + ?3),"
				   " mtime = max(mtime + 1, ?4) WHERE id = ?1"
				   " RETURNING component_name, success_count, failure_count, component_type",
	[STMT_COMPONENT_SIGHTINGS] =
		"SELECT p.id, p.scope, p.pattern_signature, p.archived, " PATH_P ", s.first_line,"
		" s.last_line, p.success_count, p.failure_count, p.component_count,"
		" p.confidence_lower_bound FROM sightings s CROSS JOIN code_patterns p ON p.id = s.pattern_id"
		" WHERE s.component_id = ?1",
	[STMT_SIGHTING_ADD] = "INSERT INTO sightings (component_id, pattern_id, first_line, last_line)"
			      " VALUES (?1, ?2, ?3, ?4)",
	[STMT_SIGHTING_LINES] = "UPDATE sightings SET first_line = ?3, last_line = ?4"
				" WHERE component_id = ?1 AND pattern_id = ?2",
	[STMT_SIGHTING_DROP] = "DELETE FROM sightings WHERE component_id = ?1 AND pattern_id = ?2",

	[STMT_STATS_CATEGORIES] = "SELECT c.name, sum(d.patterns) FROM directories d"
				  " JOIN categories c ON c.id = d.scope >> 8 WHERE d.patterns > 0"
				  " GROUP BY d.scope >> 8 ORDER BY c.name",
	[STMT_STATS_TYPES] = "SELECT scope & 15, sum(patterns) FROM directories WHERE patterns > 0"
			     " GROUP BY scope & 15 ORDER BY 1",
	[STMT_STATS_COMPONENTS] = "SELECT component_type, components FROM component_totals WHERE components > 0",
	[STMT_HISTORY_LAST] = "SELECT id, at, end_offset FROM history WHERE id = (SELECT max(id) FROM history)",
	[STMT_HISTORY_ADD] = "INSERT INTO history (id, at, event, pattern_id, component_id, success_count,"
			     " failure_count, end_offset, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[STMT_HISTORY_END] = "SELECT id, end_offset FROM history WHERE id >= ?1 ORDER BY id LIMIT 1",
	[STMT_HISTORY_LINES] = "SELECT h.id, h.at, h.event, " PATH_P ", c.component_name, h.note, h.success_count,"
			       " h.failure_count, h.end_offset FROM history h"
			       " LEFT JOIN code_patterns p ON p.id = h.pattern_id"
			       " LEFT JOIN components c ON c.id = h.component_id WHERE h.id >= ?1 ORDER BY h.id",
	/* ?1-?2: events from, up to. It may be new where it was restored, or where no component showed it before. */
	[STMT_CHANGED_PATTERNS] =
		"SELECT p.id, p.scope, p.file_name,"
		" x.restored > 0 OR x.edited > 0 OR p.component_count - x.sighted + x.withdrawn <= 0,"
		" p.archived = 1 OR p.component_count = 0, x.others > 0,"
		/* before, where it was sighted at all */
		" CASE x.sighted WHEN 0 THEN 1000 ELSE p.component_count - x.sighted END, p.size"
		" FROM (SELECT pattern_id, sum(event = 8) AS restored, sum(event = 9) AS edited, sum(event = 3) AS "
		"sighted,"
		"   sum(event = 4) AS withdrawn, sum(event NOT IN (3, 5, 6)) AS others"
		"  FROM history WHERE id > ?1 AND id <= ?2 AND pattern_id IS NOT NULL GROUP BY pattern_id) x"
		" CROSS JOIN code_patterns p ON p.id = x.pattern_id",
	/*
	 * A component's document also changes where one of its patterns is archived or restored. It is new where all
	 * its revisions are.
	 */
	[STMT_CHANGED_COMPONENTS] =
		"SELECT c.id, coalesce(c.entry_name, c.component_name), x.submitted > 0 AND c.revision <= x.submitted,"
		" c.mtime, c.source_mtime"
		" FROM (SELECT id, sum(submitted) AS submitted FROM ("
		"   SELECT component_id AS id, event = 0 AS submitted FROM history"
		"    WHERE id > ?1 AND id <= ?2 AND component_id IS NOT NULL"
		"   UNION ALL SELECT s.component_id, 0 FROM history g CROSS JOIN sightings s"
		"    ON s.pattern_id = g.pattern_id WHERE g.id > ?1 AND g.id <= ?2 AND g.event IN (7, 8))"
		"  GROUP BY id) x CROSS JOIN components c ON c.id = x.id",

	[STMT_FILE_FIND] = "SELECT " FILE_COLUMNS " FROM files WHERE parent = ?1 AND name = ?2",
	[STMT_FILE_STAT] = "SELECT " FILE_COLUMNS " FROM files WHERE id = ?1",
	[STMT_FILE_LIST] = "SELECT " FILE_COLUMNS " FROM files INDEXED BY files_by_parent"
			   " WHERE parent = ?1 AND id > ?2 AND listed = 1 ORDER BY id",
	[STMT_FILE_CONTENT] =
		"SELECT coalesce(s.content, c.data) FROM files f LEFT JOIN sources s ON s.id = f.source_id"
		" LEFT JOIN contents c ON c.file_id = f.id WHERE f.id = ?1",
	[STMT_FILE_PARENT] = "SELECT parent, name FROM files WHERE id = ?1",
	[STMT_FILE_ADD] = "INSERT INTO files (parent, name, mode, atime, mtime, ctime, implicit, listed)"
			  " VALUES (?1, ?2, ?3, ?4, ?4, ?4, ?5, 1 - ?5)",
	[STMT_FILE_MAKE_EXPLICIT] = "UPDATE files SET implicit = 0, listed = 1, mode = ?2, atime = ?3,"
				    " mtime = max(mtime + 1, ?3), ctime = max(ctime + 1, ?3) WHERE id = ?1",
	[STMT_FILE_LIST_AGAIN] = "UPDATE files SET listed = ?2 WHERE id = ?1",
	[STMT_FILE_CHILD_CHANGED] = "UPDATE files SET children = children + ?2, subdirectories = subdirectories + ?3,"
				    " mtime = max(mtime + 1, ?4), ctime = max(ctime + 1, ?4) WHERE id = ?1",
	[STMT_FILE_ORPHAN] = "UPDATE files SET parent = NULL, orphan = 1, listed = 0, ctime = max(ctime + 1, ?2)"
			     " WHERE id = ?1",
	[STMT_FILE_FORGET] = "DELETE FROM files WHERE id = ?1 AND orphan = 1",
	[STMT_FILE_SOURCE] = "SELECT source_id FROM files WHERE id = ?1 AND source_id IS NOT NULL",
	[STMT_FILE_SETATTR] = "UPDATE files SET mode = coalesce(?2, mode), uid = coalesce(?3, uid),"
			      " gid = coalesce(?4, gid), atime = coalesce(?5, atime), mtime = coalesce(?6, mtime),"
			      " ctime = max(ctime + 1, ?7) WHERE id = ?1",
	[STMT_FILE_PUT] = "UPDATE files SET size = ?2, mtime = ?3, ctime = max(ctime + 1, ?4), judged = ?5,"
			  " source_id = ?6 WHERE id = ?1",
	[STMT_FILE_MOVE] = "UPDATE files SET parent = ?2, name = ?3, ctime = max(ctime + 1, ?4), implicit = 0,"
			   " listed = 1 WHERE id = ?1",
	[STMT_CONTENT_PUT] = "INSERT INTO contents (file_id, data) VALUES (?1, ?2)"
			     " ON CONFLICT (file_id) DO UPDATE SET data = excluded.data",
	[STMT_CONTENT_DROP] = "DELETE FROM contents WHERE file_id = ?1",
	/*
	 * A directory that may go holds at most implicit directories that nobody used. (UNION, for in a hostile file
	 * directories may be in each other.)
	 */
	[STMT_DIRECTORY_REMOVE] = "WITH RECURSIVE below (id) AS (VALUES (?1)"
				  "  UNION SELECT f.id FROM below b JOIN files f ON f.parent = b.id)"
				  " DELETE FROM files WHERE id IN below",
	[STMT_DIRECTORY_SUBMISSIONS] = "WITH RECURSIVE below (id) AS (VALUES (?1)"
				       "  UNION SELECT f.id FROM below b JOIN files f ON f.parent = b.id"
				       "   WHERE f.mode & 61440 = 16384)" /* directories */
				       " SELECT f.id, f.name FROM below b JOIN files f ON f.parent = b.id"
				       " WHERE f.judged = 1",
	[STMT_UNLISTED_ANY] = "SELECT 1 FROM files WHERE listed = 0 LIMIT 1",
	[STMT_UNLISTED_CLEAR] = "DELETE FROM files WHERE listed = 0",

	[STMT_NOTE_FIND] = "SELECT " NOTE_COLUMNS " FROM notes WHERE parent = ?1 AND name = ?2",
	[STMT_NOTE_STAT] = "SELECT " NOTE_COLUMNS " FROM notes WHERE id = ?1",
	[STMT_NOTE_LIST] = "SELECT " NOTE_COLUMNS " FROM notes INDEXED BY notes_by_parent"
			   " WHERE parent = ?1 AND id > ?2 AND listed = 1 ORDER BY id",
	[STMT_NOTE_TEXT] = "SELECT text FROM notes WHERE id = ?1",
	[STMT_NOTE_PUT] =
		"INSERT INTO notes (parent, kind, name, mtime, size, text) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT (parent, name) DO UPDATE SET listed = 1, mtime = max(mtime + 1, excluded.mtime),"
		" size = excluded.size, text = excluded.text",
	[STMT_NOTE_DROP] = "DELETE FROM notes WHERE id = ?1",
	[STMT_NOTE_UNLIST] = "UPDATE notes SET listed = 0 WHERE parent = ?1 AND name = ?2 AND listed = 1 RETURNING 1",

	[STMT_SOURCE_FIND] = "SELECT id FROM sources WHERE hash = ?1 AND (content IS NULL OR content = ?2)",
	[STMT_SOURCE_ADD] = "INSERT INTO sources (hash, size, content) VALUES (?1, ?2, ?3)",
	[STMT_SOURCE_KEEP] = "UPDATE sources SET content = ?2 WHERE id = ?1 AND content IS NULL",
	/* Content that nothing refers to goes. */
	[STMT_SOURCE_RELEASE] = "UPDATE sources SET content = NULL WHERE id = ?1"
				" AND NOT EXISTS (SELECT 1 FROM files f WHERE f.source_id = ?1)"
				" AND NOT EXISTS (SELECT 1 FROM components c WHERE c.source_id = ?1)",
	[STMT_SOURCE_COMPONENTS] = "SELECT c.id, c.component_name, c.entry_name, c.category, c.subcategory,"
				   " c.component_type, c.success_score, c.generation_metadata, c.source_id, c.revision"
				   " FROM source_components l CROSS JOIN components c ON c.id = l.component_id"
				   " WHERE l.source_id = ?1",
	[STMT_SOURCE_COMPONENT_ADD] = "INSERT INTO source_components (source_id, component_id) VALUES (?1, ?2)"
				      " ON CONFLICT DO NOTHING",
	[STMT_SUBMISSION_FIND] = "SELECT source_id, metadata FROM submissions WHERE path = ?1",
	[STMT_SUBMISSION_PUT] = "INSERT INTO submissions (path, source_id, metadata) VALUES (?1, ?2, ?3)"
				" ON CONFLICT (path) DO UPDATE SET source_id = excluded.source_id,"
				" metadata = excluded.metadata"
				" WHERE source_id <> excluded.source_id OR metadata <> excluded.metadata",
	[STMT_COMPONENT_RECEIPT] = "SELECT " PATH_P ", p.pattern_type, p.pattern_name, s.first_line, s.last_line"
				   " FROM sightings s CROSS JOIN code_patterns p ON p.id = s.pattern_id"
				   " WHERE s.component_id = ?1 AND " LIVE_P " ORDER BY s.first_line, p.id",
};
