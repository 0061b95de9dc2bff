/* Finding the end of the journal after whatever happened.
 *
 *   1. Read the headers of all segments; order them by incarnation.
 *   2. A segment with `restart` r was begun by an earlier recovery: what older segments hold from
 *      commit r on is void.
 *      What the checkpoint's state needs no more was given up; some of it may be back: void as well.
 *   3. From the segment that holds checkpoint + 1, read commit after commit.  The first one that is
 *      not there is the hole.  If anything says that it was durable once (a later commit's
 *      durable_through, a later segment, the checkpoint), it is corruption; else it is the end.
 *   4. The last commit may have been read from a cache and be lost with the next power failure; and
 *      what lies behind it is the torn rest of another.  So it is written again, as the first of a
 *      segment with a new salt, synced, and only then does the new header name its restart: from
 *      that sector on the old copy and the rest are void.  Until that moment the old copy counts.
 *      A full disk has no room for that segment.  Then the last commit is written again where it lies,
 *      the same bytes, and zeros over the torn rest; the journal goes on there.
 *
 * Beside all that, the segment that took the commits last has a witness (witness.h): where it is not among the
 * files, commits are lost that nothing else would miss.
 *
 * Commits are visited one late, so that the last one is visited where it lies then. */
#include <string.h>

#include "base/planted.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "store/journal.h"
#include "store/window.h"

/* So much of a segment without a first commit is looked at even where it is all zeros. */
#define EMPTY_BYTES BELAY_MIB(2)
#define CLEAR_BYTES BELAY_KIB(256)

struct scan {
    struct journal *j;
    uint64_t checkpoint;
    journal_visit *visit;
    void *arg;
    bool whole; /* all commits, not only those behind the checkpoint */
    struct window window;

    uint64_t expected;        /* number of the next commit; 0: no segment was met yet */
    uint32_t previous;        /* header CRC of the one before */
    bool chained;             /* previous is known */
    uint64_t durable_through; /* the highest that a commit named */

    bool holds;
    struct commit held; /* read, not visited yet */
    struct batch *held_bytes;
    uint64_t held_where;
};

static struct segment *segment_at(struct belay_list *node)
{
    return BELAY_CONTAINER_OF(node, struct segment, node);
}

static int corrupt(const struct segment *seg, uint64_t offset, struct belay_err *err, const char *why)
{
    return belay_fail(err, BELAY_CORRUPT, JOURNAL_DIR "/%08u.seg at byte %llu: %s", (unsigned)seg->id,
                      (unsigned long long)offset, why);
}

/* ---- 1: the files ---- */

static void insert_by_incarnation(struct belay_list *list, struct segment *seg)
{
    struct belay_list *at = list->prev;
    while (at != list && segment_at(at)->incarnation > seg->incarnation)
        at = at->prev;
    belay_list_insert_before(at->next, &seg->node);
}

/* Reads the header; a file that never got one is as if it were not there. */
static int load_header(struct scan *s, struct segment *seg, uint64_t file_bytes, bool *ret_void,
                       struct belay_err *err)
{
    const uint8_t *p;
    size_t n = 0;
    uint32_t id = seg->id;
    *ret_void = false;
    if (file_bytes >= BELAY_BLOCK_BYTES) {
        int status = journal_window_get(&s->window, seg->file, 0, BELAY_BLOCK_BYTES, BELAY_BLOCK_BYTES, &p, &n, err);
        if (status != BELAY_OK)
            return status;
    }
    switch (n < BELAY_BLOCK_BYTES ? SEGMENT_HEADER_VOID : segment_decode(p, seg)) {
    case SEGMENT_HEADER_VOID: *ret_void = true; return BELAY_OK;
    case SEGMENT_HEADER_BAD: return corrupt(seg, 0, err, "the segment's header is damaged");
    case SEGMENT_HEADER_NEWER:
        return belay_fail(err, BELAY_VERSION, JOURNAL_DIR "/%08u.seg has another format than %d",
                          (unsigned)id, SEGMENT_FORMAT);
    case SEGMENT_HEADER_OK: break;
    }
    if (seg->id != id)
        return corrupt(seg, 0, err, "the file has another segment's name");
    if (seg->size_bytes != file_bytes)
        return corrupt(seg, 0, err, "the file has not the size its header says");
    return BELAY_OK;
}

/* Number of the first commit, where there is one. */
static int load_first(struct scan *s, struct segment *seg, struct belay_err *err)
{
    const uint8_t *p;
    size_t n;
    struct commit c;
    int status = journal_window_get(&s->window, seg->file, BELAY_BLOCK_BYTES, BELAY_BLOCK_BYTES,
                                    2 * BELAY_BLOCK_BYTES, &p, &n, err);
    if (status == BELAY_OK && n == BELAY_BLOCK_BYTES && commit_header(p, &c) && c.salt == seg->salt)
        seg->first = seg->last = c.number;
    return status;
}

static int load_segment(struct scan *s, const struct belay_dir_entry *entry, struct belay_err *err)
{
    struct journal *j = s->j;
    uint32_t id;
    if (entry->is_dir || !segment_id_of(entry->name, &id))
        return BELAY_OK; /* not ours */
    struct segment *seg;
    bool is_void = false;
    int status = segment_open(j->disk, id, entry->size_bytes, !j->disk->look, &seg, err);
    if (status != BELAY_OK)
        return status;
    s->window.file = NULL; /* a new file may have the address of a closed one */
    status = load_header(s, seg, entry->size_bytes, &is_void, err);
    if (status == BELAY_OK && !is_void)
        status = load_first(s, seg, err);
    if (status != BELAY_OK || is_void) {
        char name[SEGMENT_NAME_BYTES];
        segment_free(seg);
        segment_name(id, name);
        return status == BELAY_OK && !j->disk->look ? belay_disk_unlink(j->disk, name, err) : status;
    }
    insert_by_incarnation(&j->live, seg);
    j->live_bytes += seg->size_bytes;
    j->id_next = id >= j->id_next ? id + 1 : j->id_next;
    j->incarnation_next = seg->incarnation >= j->incarnation_next ? seg->incarnation + 1
                                                                   : j->incarnation_next;
    return BELAY_OK;
}

static int load_segments(struct scan *s, struct belay_err *err)
{
    struct belay_dir_entry *entries = NULL;
    size_t count = 0;
    int status = belay_disk_list(s->j->disk, JOURNAL_DIR, &entries, &count, err);
    for (size_t i = 0; i < count && status == BELAY_OK; i++)
        status = load_segment(s, &entries[i], err);
    belay_free(entries);
    return status;
}

/* The segment that took the commits last is one of them. */
static int check_witness(struct scan *s, struct belay_err *err)
{
    struct journal *j = s->j;
    int status = witness_read(j->disk, &j->witness, err);
    bool commits = false;
    for (struct belay_list *n = j->live.next; n != &j->live; n = n->next) {
        commits |= segment_at(n)->first != 0;
        if (j->witness.valid && segment_at(n)->incarnation == j->witness.incarnation)
            return status;
    }
    if (status == BELAY_OK && j->witness.valid)
        return belay_fail(err, BELAY_CORRUPT,
                          JOURNAL_DIR "/%08u.seg is missing, or is an older one: it took the commits from %llu on ("
                          WITNESS_NAME " says so), and some of them may have been acknowledged; put the file back, or restore the last backup"
                          " with `belay store restore`",
                          (unsigned)j->witness.id, (unsigned long long)j->witness.first);
    j->unwitnessed = commits;
    return status;
}

/* ---- 2: what is void ---- */

static void to_idle(struct journal *j, struct segment *seg)
{
    belay_list_unlink(&seg->node);
    seg->first = seg->last = 0;
    j->live_bytes -= seg->size_bytes;
    j->idle_bytes += seg->size_bytes;
    belay_list_push(&j->idle, &seg->node);
}

/* Lowest restart of younger segments; UINT64_MAX: none. */
static uint64_t limit_of(const struct journal *j, const struct segment *seg)
{
    uint64_t limit = UINT64_MAX;
    for (const struct belay_list *n = seg->node.next; n != &j->live; n = n->next) {
        uint64_t restart = BELAY_CONTAINER_OF(n, const struct segment, node)->restart;
        if (restart && restart < limit)
            limit = restart;
    }
    return limit;
}

/* No commit begins where its first would. One further on knows that there was one. */
static int check_empty(struct scan *s, struct segment *seg, struct belay_err *err)
{
    static const uint8_t zero[BELAY_BLOCK_BYTES];
    bool written = false;
    for (uint64_t at = BELAY_BLOCK_BYTES; at + BELAY_BLOCK_BYTES <= seg->size_bytes;
         at += BELAY_BLOCK_BYTES) {
        const uint8_t *p;
        size_t n;
        struct commit c;
        int status = journal_window_get(&s->window, seg->file, at, BELAY_BLOCK_BYTES, seg->size_bytes, &p, &n, err);
        if (status != BELAY_OK)
            return status;
        if (n == BELAY_BLOCK_BYTES && commit_header(p, &c) && c.salt == seg->salt)
            return corrupt(seg, BELAY_BLOCK_BYTES, err, "a commit that was durable is damaged");
        written |= memcmp(p, zero, sizeof zero) != 0;
        if (!written && at >= EMPTY_BYTES)
            break; /* a new file: nothing was ever written to it */
    }
    return BELAY_OK;
}

static int drop_void(struct scan *s, struct belay_err *err)
{
    struct journal *j = s->j;
    struct belay_list *n = j->live.next, *next;
    for (; n != &j->live; n = next) {
        struct segment *seg = segment_at(n);
        next = n->next;
        uint64_t limit = limit_of(j, seg);
        bool has_commits = seg->first && seg->first < limit;
        bool restarts = seg->restart && seg->restart < limit;
        if (has_commits || restarts)
            continue;
        int status = seg->first || seg->restart || limit != UINT64_MAX ? BELAY_OK
                                                                        : check_empty(s, seg, err);
        if (status != BELAY_OK)
            return status;
        to_idle(j, seg);
    }
    return BELAY_OK;
}

/* What was given up before may be back in part: a segment's new header, or its unlink, was not durable
 * yet, but that of a younger one was. */
static void drop_trimmed(struct journal *j)
{
    while (j->live.next != j->live.prev) {
        struct segment *seg = segment_at(j->live.next), *after = segment_at(j->live.next->next);
        uint64_t begins = after->first ? after->first : after->restart;
        if (begins == 0 || begins > j->trimmed)
            return;
        to_idle(j, seg);
    }
}

/* ---- 3: commit after commit ---- */

static int visit_held(struct scan *s, struct belay_err *err)
{
    bool visit = s->holds && (s->held.number > s->checkpoint || s->whole);
    s->holds = false;
    if (!visit)
        return BELAY_OK;
    return s->visit(s->arg, &s->held, s->held_bytes->p, s->held_where, err);
}

static int hold(struct scan *s, const struct commit *c, const uint8_t *p, uint64_t where,
                struct belay_err *err)
{
    int status = visit_held(s, err);
    if (status != BELAY_OK)
        return status;
    journal_batch_clear(s->held_bytes);
    if (journal_batch_reserve(s->held_bytes, c->length_bytes, 0) != BELAY_OK)
        return belay_fail(err, BELAY_NOMEM, "recover the journal: out of memory");
    memcpy(s->held_bytes->p, p, c->length_bytes);
    s->held_bytes->n = c->length_bytes;
    s->held = *c;
    s->held_where = where;
    s->holds = true;
    return BELAY_OK;
}

/* The commit that is expected, whole; *ret_p NULL: it is not there. */
static int read_commit(struct scan *s, struct segment *seg, struct commit *ret_c,
                       const uint8_t **ret_p, struct belay_err *err)
{
    const uint8_t *p;
    size_t n;
    struct commit c;
    *ret_p = NULL;
    if (segment_left(seg) < BELAY_BLOCK_BYTES)
        return BELAY_OK;
    int status = journal_window_get(&s->window, seg->file, seg->used_bytes, BELAY_BLOCK_BYTES, seg->size_bytes, &p, &n, err);
    if (status != BELAY_OK)
        return status;
    if (n < BELAY_BLOCK_BYTES || !commit_header(p, &c) || c.salt != seg->salt
        || c.number != s->expected || (s->chained && c.previous != s->previous)
        || blocks_up(c.length_bytes) > segment_left(seg))
        return BELAY_OK;
    status = journal_window_get(&s->window, seg->file, seg->used_bytes, (size_t)blocks_up(c.length_bytes), seg->size_bytes, &p,
                        &n, err);
    if (status != BELAY_OK)
        return status;
    if (n >= c.length_bytes && commit_intact(p, &c)) {
        *ret_c = c;
        *ret_p = p;
    }
    return BELAY_OK;
}

/* Behind the hole: is there a commit that knew of a durable one at or after it? */
static int look_behind(struct scan *s, struct segment *seg, struct belay_err *err)
{
    const uint8_t *p;
    size_t n;
    struct commit c;
    for (uint64_t at = seg->used_bytes; at + BELAY_BLOCK_BYTES <= seg->size_bytes;
         at += BELAY_BLOCK_BYTES) {
        int status = journal_window_get(&s->window, seg->file, at, BELAY_BLOCK_BYTES, seg->size_bytes, &p, &n, err);
        if (status != BELAY_OK)
            return status;
        if (n == BELAY_BLOCK_BYTES && commit_header(p, &c) && c.salt == seg->salt
            && c.durable_through >= s->expected)
            return corrupt(seg, seg->used_bytes, err, "a commit that was durable is damaged");
    }
    return BELAY_OK;
}

static int scan_segment(struct scan *s, struct segment *seg, struct belay_err *err)
{
    uint64_t limit = limit_of(s->j, seg);
    seg->used_bytes = BELAY_BLOCK_BYTES;
    seg->first = seg->last = 0;
    while (s->expected < limit) {
        struct commit c;
        const uint8_t *p;
        int status = read_commit(s, seg, &c, &p, err);
        if (status != BELAY_OK)
            return status;
        if (!p)
            return look_behind(s, seg, err);
        status = hold(s, &c, p, segment_where(seg, seg->used_bytes), err);
        if (status != BELAY_OK)
            return status;
        seg->first = seg->first ? seg->first : c.number;
        seg->last = c.number;
        seg->used_bytes += blocks_up(c.length_bytes);
        s->previous = c.crc;
        s->chained = true;
        s->expected = c.number + 1;
        s->durable_through = c.durable_through;
    }
    return BELAY_OK;
}

/* The segment that holds the checkpoint's commit: what comes next is chained to it. Where that segment
 * was given up, the one after it. */
static int find_start(struct scan *s, struct segment **ret_seg, struct belay_err *err)
{
    struct segment *start = NULL;
    for (struct belay_list *n = s->j->live.next; n != &s->j->live; n = n->next) {
        struct segment *seg = segment_at(n);
        uint64_t begins = seg->first ? seg->first : seg->restart;
        if (start && begins < (start->first ? start->first : start->restart))
            return corrupt(seg, 0, err, "the segment's commits are older than those before it");
        if (start)
            segment_at(n->prev)->last = begins - 1; /* of those that are not scanned */
        if (start ? begins <= s->checkpoint && !s->whole : begins <= s->checkpoint + 1)
            start = seg;
        else if (!start)
            return corrupt(seg, 0, err, "commits before this segment's first are missing");
        if (n->prev == &s->j->live && begins > s->j->trimmed) /* topics still have messages there */
            return corrupt(seg, 0, err, "commits before this segment's first are missing, with messages that are needed");
    }
    *ret_seg = start;
    return BELAY_OK;
}

static int scan_all(struct scan *s, struct belay_err *err)
{
    struct segment *seg = NULL;
    int status = find_start(s, &seg, err);
    if (status != BELAY_OK)
        return status;
    /* What was prepared came after the first segment, which is needed until there is a checkpoint. */
    if (!seg && s->checkpoint == 0 && !belay_list_empty(&s->j->idle))
        return belay_fail(err, BELAY_CORRUPT, JOURNAL_DIR ": the segment with the first commits is missing");
    if (!seg)
        return s->checkpoint == 0 ? BELAY_OK
                                  : belay_fail(err, BELAY_CORRUPT,
                                               "the journal is empty, but the state is at commit %llu",
                                               (unsigned long long)s->checkpoint);
    s->expected = seg->first ? seg->first : seg->restart;
    for (;;) {
        status = scan_segment(s, seg, err);
        if (status != BELAY_OK)
            return status;
        if (seg->node.next == &s->j->live)
            break;
        struct segment *next = segment_at(seg->node.next);
        if (next->restart ? next->restart != s->expected : next->first != s->expected)
            return corrupt(seg, seg->used_bytes, err, "a commit that was durable is missing");
        seg = next;
    }
    if (s->expected && s->expected <= s->checkpoint)
        return corrupt(seg, seg->used_bytes, err, "a commit that the state contains is missing");
    return BELAY_OK;
}

/* ---- 4: begin again ---- */

static int begin_file(struct scan *s, uint64_t padded, struct segment **ret_seg,
                      struct belay_err *err)
{
    struct journal *j = s->j;
    uint64_t need = BELAY_BLOCK_BYTES + padded;
    for (struct belay_list *n = j->idle.next; n != &j->idle; n = n->next) {
        struct segment *seg = segment_at(n);
        if (seg->size_bytes >= need && seg->size_bytes > BELAY_BLOCK_BYTES) {
            belay_list_unlink(n);
            j->idle_bytes -= seg->size_bytes;
            *ret_seg = seg;
            /* What it held goes first, so that half of the old and half of the new never meet. */
            return segment_begin(seg, j->incarnation_next++, belay_random_next(&j->random), 0, err);
        }
    }
    uint64_t size = j->segment_bytes < BELAY_SEGMENT_BYTES_FIRST ? j->segment_bytes
                                                                  : BELAY_SEGMENT_BYTES_FIRST;
    return segment_create(j->disk, j->id_next++, need > size ? need : size, ret_seg, err);
}

/* Nothing behind the end was durable, or scan_segment would have said so: it may go in any order. */
static int clear_rest(struct segment *seg, struct belay_err *err)
{
    struct batch *zeros = journal_batch_new(CLEAR_BYTES);
    int status = BELAY_OK;
    if (!zeros)
        return belay_fail(err, BELAY_NOMEM, "recover the journal: out of memory");
    memset(zeros->p, 0, CLEAR_BYTES);
    for (uint64_t at = seg->used_bytes; at < seg->size_bytes && status == BELAY_OK; at += CLEAR_BYTES) {
        uint64_t left = seg->size_bytes - at;
        status = belay_file_write(seg->file, at, zeros->p, (size_t)(left < CLEAR_BYTES ? left : CLEAR_BYTES),
                                  BELAY_WRITE_SYNC, err);
    }
    journal_batch_free(zeros);
    return status;
}

static int go_on_there(struct scan *s, bool rewrite, struct belay_err *err)
{
    struct journal *j = s->j;
    int status = BELAY_OK;
    if (rewrite) {
        size_t padded = (size_t)blocks_up(s->held.length_bytes);
        if (journal_batch_reserve(s->held_bytes, padded - s->held_bytes->n, 0) != BELAY_OK)
            return belay_fail(err, BELAY_NOMEM, "recover the journal: out of memory");
        journal_batch_pad(s->held_bytes);
        status = belay_file_write(journal_segment(j, where_id(s->held_where))->file, where_offset(s->held_where),
                                  s->held_bytes->p, padded, BELAY_WRITE_SYNC, err);
    }
    if (status == BELAY_OK)
        status = clear_rest(journal_active(j), err);
    return status == BELAY_OK ? belay_disk_sync_dir(j->disk, JOURNAL_DIR, err) : status;
}

/* What the witness names may be an idle segment by now (nothing was written to it), which is about to be used
 * again: from here on it names the one that was found to be the last. */
static int witness_found(struct journal *j, struct belay_err *err)
{
    if (belay_list_empty(&j->live) || journal_active(j)->incarnation == j->witness.incarnation)
        return BELAY_OK;
    struct segment *seg = journal_active(j);
    return witness_write(&j->witness, j->disk, seg, seg->first ? seg->first : seg->restart, err);
}

static int begin_again(struct scan *s, struct belay_err *err)
{
    struct journal *j = s->j;
    bool rewrite = s->holds && s->held.number > s->checkpoint && !BELAY_PLANTED(13);
    uint64_t padded = rewrite ? blocks_up(s->held.length_bytes) : 0;
    uint64_t salt = belay_random_next(&j->random), restart = rewrite ? s->held.number : s->expected;
    struct segment *seg = NULL;
    int status = witness_found(j, err);
    if (status != BELAY_OK)
        return status;
    status = begin_file(s, padded, &seg, err);
    if (status == BELAY_NOSPACE && !belay_list_empty(&j->live))
        return go_on_there(s, rewrite, err);
    if (status == BELAY_OK && rewrite) {
        if (journal_batch_reserve(s->held_bytes, (size_t)padded - s->held_bytes->n, 0) != BELAY_OK) {
            segment_free(seg);
            return belay_fail(err, BELAY_NOMEM, "recover the journal: out of memory");
        }
        journal_batch_pad(s->held_bytes);
        s->held.salt = salt;
        commit_seal(&s->held, s->held_bytes->p);
        s->previous = s->held.crc;
        s->held_where = segment_where(seg, BELAY_BLOCK_BYTES);
        status = belay_file_write(seg->file, BELAY_BLOCK_BYTES, s->held_bytes->p, (size_t)padded,
                                  BELAY_WRITE_SYNC, err);
    }
    if (status == BELAY_OK)
        status = segment_begin(seg, j->incarnation_next++, salt, restart, err);
    /* Also the names of files that a process made which was killed before it synced them. */
    if (status == BELAY_OK)
        status = belay_disk_sync_dir(j->disk, JOURNAL_DIR, err);
    if (status == BELAY_OK)
        status = witness_write(&j->witness, j->disk, seg, restart, err);
    if (status != BELAY_OK) {
        segment_free(seg);
        return status;
    }
    seg->first = seg->last = rewrite ? s->held.number : 0;
    seg->used_bytes += padded;
    belay_list_push(&j->live, &seg->node);
    j->live_bytes += seg->size_bytes;
    return BELAY_OK;
}

static int scan_open(struct scan *s, struct belay_err *err)
{
    journal_window_init(&s->window);
    s->held_bytes = journal_batch_new(BELAY_BLOCK_BYTES);
    if (!s->held_bytes)
        return belay_fail(err, BELAY_NOMEM, "recover the journal: out of memory");
    int status = load_segments(s, err);
    if (status == BELAY_OK)
        status = check_witness(s, err);
    if (status == BELAY_OK)
        status = drop_void(s, err);
    if (status == BELAY_OK)
        drop_trimmed(s->j);
    return status;
}

static void scan_close(struct scan *s)
{
    journal_window_deinit(&s->window);
    journal_batch_free(s->held_bytes);
}

int journal_recover(struct journal *j, uint64_t checkpoint, journal_visit *visit, void *arg,
                    struct belay_err *err)
{
    struct scan s = { .j = j, .checkpoint = checkpoint, .visit = visit, .arg = arg };
    int status = scan_open(&s, err);
    if (status == BELAY_OK)
        status = scan_all(&s, err);
    if (status == BELAY_OK) {
        s.expected = s.expected ? s.expected : 1;
        j->random.state ^= j->incarnation_next << 32; /* the same seed, another start: other salts */
        status = begin_again(&s, err);
    }
    if (status == BELAY_OK) {
        j->next_number = s.expected;
        j->durable = s.expected - 1;
        j->previous = s.previous;
        status = visit_held(&s, err);
    }
    scan_close(&s);
    return status;
}

int journal_look(struct journal *j, uint64_t checkpoint, bool whole, journal_visit *visit, void *arg,
                 struct belay_err *err)
{
    struct scan s = { .j = j, .checkpoint = checkpoint, .visit = visit, .arg = arg, .whole = whole };
    int status = scan_open(&s, err);
    if (status == BELAY_OK)
        status = scan_all(&s, err);
    if (status == BELAY_OK)
        status = visit_held(&s, err);
    if (status == BELAY_OK) {
        j->next_number = s.expected ? s.expected : 1;
        j->durable = j->next_number - 1;
    }
    scan_close(&s);
    return status;
}
