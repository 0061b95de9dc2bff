#include <string.h>

#include "expr/ast.h"

/* The codes are the reference's; U... are limits and rules of our own. Sorted. */
static const struct {
    char code[6];
    const char *text;
} table[] = {
    { "D1001", "a number is out of range" },
    { "D1002", "only a number can be negated" },
    { "D1004", "a regular expression matches the empty string" },
    { "D1009", "two names of an object constructor give the same name" },
    { "D2014", "the range has more than ten million items" },
    { "D3001", "a function has no text" },
    { "D3010", "the second argument of $replace cannot be an empty string" },
    { "D3011", "the fourth argument of $replace must be zero or more" },
    { "D3012", "the replacement function must give a string" },
    { "D3020", "the third argument of $split must be zero or more" },
    { "D3030", "the value cannot be made a number" },
    { "D3040", "the third argument of $match must be zero or more" },
    { "D3050", "the function that $reduce calls must take two arguments" },
    { "D3060", "a negative number has no square root" },
    { "D3061", "the power is out of range" },
    { "D3070", "only strings or numbers can be sorted without a comparing function" },
    { "D3080", "a picture has more than one sub-picture separator" },
    { "D3081", "a picture has more than one decimal separator" },
    { "D3082", "a picture has more than one percent sign" },
    { "D3083", "a picture has more than one per-mille sign" },
    { "D3084", "a picture has both a percent and a per-mille sign" },
    { "D3085", "a picture needs a digit" },
    { "D3086", "a picture has a passive character between active ones" },
    { "D3087", "a grouping separator is next to the decimal separator" },
    { "D3088", "a grouping separator ends the integer part" },
    { "D3089", "two grouping separators are adjacent" },
    { "D3090", "an optional digit follows a mandatory one in the integer part" },
    { "D3091", "a mandatory digit follows an optional one in the fraction" },
    { "D3092", "an exponent cannot be used with percent or per-mille" },
    { "D3093", "an exponent needs digits only" },
    { "D3100", "the radix must be between 2 and 36" },
    { "D3110", "the text is not a timestamp" },
    { "D3120", "syntax error in the expression given to $eval" },
    { "D3121", "error in the expression given to $eval" },
    { "D3130", "this sequence cannot be written as words or numerals" },
    { "D3131", "a digit pattern mixes digits of different groups" },
    { "D3132", "unknown component in a date picture" },
    { "D3133", "a component of a date picture cannot be written as a name" },
    { "D3134", "a timezone is malformed" },
    { "D3135", "a [ in a date picture has no ]" },
    { "D3136", "the date picture lacks what is needed for a timestamp" },
    { "D3137", "$error" },
    { "D3138", "$single found more than one match" },
    { "D3139", "$single found no match" },
    { "D3140", "the text is not well formed" },
    { "D3141", "$assert failed" },
    { "D9001", "a function of the host failed" },
    { "S0101", "a string has no closing quote" },
    { "S0102", "a number is out of range" },
    { "S0103", "unsupported escape" },
    { "S0104", "\\u must be followed by four hexadecimal digits; the text must be UTF-8" },
    { "S0105", "a quoted name has no closing backtick" },
    { "S0106", "a comment has no end" },
    { "S0201", "unexpected token" },
    { "S0202", "another token was expected" },
    { "S0203", "the expression ends too early" },
    { "S0204", "unknown operator" },
    { "S0207", "the expression ends where a value is wanted" },
    { "S0208", "a parameter of a function must be a variable" },
    { "S0209", "a predicate cannot follow a grouping" },
    { "S0210", "a step can be grouped only once" },
    { "S0211", "this cannot begin a value" },
    { "S0212", "the left side of := must be a variable" },
    { "S0213", "a literal cannot be a step of a path" },
    { "S0214", "the right side of @ or # must be a variable" },
    { "S0215", "@ must come before predicates" },
    { "S0216", "@ must come before an order-by" },
    { "S0217", "the parent % cannot be derived" },
    { "S0301", "empty regular expression" },
    { "S0302", "a regular expression has no closing /" },
    { "S0303", "malformed regular expression" },
    { "S0401", "only arrays and functions have type parameters" },
    { "S0402", "choices of types cannot have parameters" },
    { "S0403", "malformed signature" },
    { "T0410", "an argument does not match the function's signature" },
    { "T0411", "the context does not match the function's signature" },
    { "T0412", "an argument must be an array of another type" },
    { "T1003", "a name of an object must be a string" },
    { "T1005", "no function; did you mean it with a $?" },
    { "T1006", "only functions can be called" },
    { "T1007", "no function; did you mean it with a $?" },
    { "T1008", "only functions can be partially applied" },
    { "T1010", "the matcher function gives no match object" },
    { "T2001", "the left side of the operator must be a number" },
    { "T2002", "the right side of the operator must be a number" },
    { "T2003", "the left side of .. must be an integer" },
    { "T2004", "the right side of .. must be an integer" },
    { "T2006", "the right side of ~> must be a function" },
    { "T2007", "values of different types cannot be put in order" },
    { "T2008", "an order-by must give strings or numbers" },
    { "T2009", "values of different types cannot be compared" },
    { "T2010", "only strings or numbers can be compared" },
    { "T2011", "the update of a transform must be an object" },
    { "T2012", "the deletions of a transform must be strings" },
    { "T2013", "only an object or array can be cloned" },
    { "U1001", "the expression takes too many steps or nests too deeply" },
    { "U1002", "the expression nests too deeply" },
    { "U1003", "the expression is too long" },
    { "U1004", "the expression takes too much memory" },
    { "U1005", "a regular expression takes too many steps" },
    { "U2001", "a string, number or boolean is needed here" },
    { "U2002", "{% has no %}" },
    { "U3001", "$hash knows 'sha-256' and 'xxh128', not" },
    { "U3002", "the formats are 'json', 'csv', 'form' and 'xml', not" },
    { "U3003", "the text is not well formed" },
    { "U3004", "the value cannot be written in this format" },
    { "U3005", "the configuration's 'env' does not declare this variable" },
    { "U3006", "the configuration has no table of this name" },
};

const char *error_text(const char *code)
{
    size_t low = 0, high = sizeof table / sizeof *table;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = strcmp(code, table[middle].code);
        if (c == 0)
            return table[middle].text;
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return "expression error";
}
