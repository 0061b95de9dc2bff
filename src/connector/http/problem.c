#include "connector/http/problem.h"

#include "json/json.h"

const char *belay_http_status_text(uint32_t status)
{
    static const struct {
        uint32_t status;
        const char *text;
    } rows[] = {
        { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 204, "No Content" },
        { 400, "Bad Request" }, { 404, "Not Found" }, { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" }, { 503, "Service Unavailable" },
        { 203, "Non-Authoritative Information" }, { 205, "Reset Content" },
        { 206, "Partial Content" }, { 301, "Moved Permanently" }, { 302, "Found" },
        { 303, "See Other" }, { 304, "Not Modified" }, { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" }, { 401, "Unauthorized" }, { 402, "Payment Required" },
        { 403, "Forbidden" }, { 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
        { 407, "Proxy Authentication Required" }, { 408, "Request Timeout" }, { 409, "Conflict" },
        { 410, "Gone" }, { 411, "Length Required" }, { 412, "Precondition Failed" },
        { 413, "Content Too Large" }, { 414, "URI Too Long" }, { 415, "Unsupported Media Type" },
        { 416, "Range Not Satisfiable" }, { 417, "Expectation Failed" },
        { 421, "Misdirected Request" }, { 423, "Locked" }, { 425, "Too Early" },
        { 426, "Upgrade Required" }, { 428, "Precondition Required" },
        { 431, "Request Header Fields Too Large" }, { 451, "Unavailable For Legal Reasons" },
        { 500, "Internal Server Error" }, { 501, "Not Implemented" }, { 502, "Bad Gateway" },
        { 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
        { 507, "Insufficient Storage" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].status == status)
            return rows[i].text;
    return "";
}

void http_problem_write(struct belay_buf *out, const struct belay_http_problem *problem,
                        struct belay_str correlationid)
{
    struct belay_json_out o = belay_json_out(out);
    belay_json_begin_object(&o);
    if (problem->type.n) {
        belay_json_key(&o, "type");
        belay_json_put_str(&o, problem->type);
    }
    belay_json_key(&o, "title");
    belay_json_put_c(&o, belay_http_status_text(problem->status));
    belay_json_key(&o, "status");
    belay_json_put_uint(&o, problem->status);
    if (problem->detail.n) {
        belay_json_key(&o, "detail");
        belay_json_put_str(&o, problem->detail);
    }
    if (correlationid.n) {
        belay_json_key(&o, "correlationid");
        belay_json_put_str(&o, correlationid);
    }
    if (problem->members.n) {
        belay_buf_put_c(out, ',');
        belay_buf_put_str(out, problem->members);
    }
    belay_json_end_object(&o);
}

static struct belay_json_out begin_fault(struct belay_buf *errors)
{
    if (errors->n)
        belay_buf_put_c(errors, ',');
    struct belay_json_out o = belay_json_out(errors);
    belay_json_begin_object(&o);
    return o;
}

static void end_fault(struct belay_json_out *o, struct belay_str detail)
{
    belay_json_key(o, "detail");
    belay_json_put_str(o, detail);
    belay_json_end_object(o);
}

void http_fault_pointer(struct belay_buf *errors, struct belay_str pointer, struct belay_str detail)
{
    struct belay_json_out o = begin_fault(errors);
    belay_json_key(&o, "pointer");
    belay_json_put_str(&o, pointer);
    end_fault(&o, detail);
}

void http_fault_param(struct belay_buf *errors, enum belay_http_param_in in, struct belay_str name,
                      struct belay_str pointer, struct belay_str detail)
{
    static const char *const places[] = { "path", "query", "header", "cookie" };
    struct belay_json_out o = begin_fault(errors);
    belay_json_key(&o, "parameter");
    belay_json_put_str(&o, name);
    belay_json_key(&o, "in");
    belay_json_put_c(&o, places[in]);
    if (pointer.n) {
        belay_json_key(&o, "pointer");
        belay_json_put_str(&o, pointer);
    }
    end_fault(&o, detail);
}

struct belay_str http_problem_errors(struct belay_buf *members, const struct belay_buf *errors)
{
    belay_buf_put_str(members, BELAY_STR("\"errors\":["));
    belay_buf_put_str(members, belay_buf_view(errors));
    belay_buf_put_c(members, ']');
    bool whole = !belay_buf_status(errors) && !belay_buf_status(members);
    return whole ? belay_buf_view(members) : BELAY_STR_NONE;
}
