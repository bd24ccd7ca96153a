// Package template reads the part of a SAM template that means something on
// one machine: Lambda functions, the HTTP API before them with its routes,
// Lambda authorizers and CORS, and the schedules that start functions.
//
// [Read] turns a template.yaml and the values of its parameters into a
// [Template], as CloudFormation and the SAM translator would: Globals are
// merged in, conditions and rules evaluated, intrinsic functions resolved.
//
// What it owns: the bounds and the grammar of every value that it hands out. A
// [Template] is valid once it exists, and whoever holds one asks nothing again.
//
// What it refuses, with an [Error] that names the line: what it does not know
// (a resource type, a property, an intrinsic function that it does not evaluate),
// what AWS would refuse, and above all an authorizer that cannot be served. It
// never opens a route that it does not understand (the SAM CLI does, in three
// ways). What a run on one machine has no use for, as alarms and permissions,
// it knows by name and passes over.
package template
