package template

import "slices"

// readGlobals gives the global properties of functions, a mapping that may be
// empty. A property that SAM takes here and we do not know is refused where it
// is used, with the same line.
func (r *reader) readGlobals(section *element) (*element, error) {
	out := &element{kind: mapElement, line: section.line}
	// Those that are one function's own (AWS SAM, "Globals section").
	own := []string{"AutoPublishCodeSha256", "Events", "FunctionName", "Policies", "Role", "VersionDescription"}
	err := r.properties("Globals", section, map[string]property{"Function": plain(func(v *element) error {
		if v.kind != mapElement {
			return r.errorf(v.line, "Globals.Function must be a mapping, and is %s", v.what())
		}
		for _, p := range v.fields {
			if slices.Contains(own, p.key) {
				return r.errorf(p.line, "Globals.Function: %s is not a property that SAM takes here", p.key)
			}
		}
		out = v
		return nil
	})})
	return out, err
}

// mergeGlobals merges as SAM does ("Globals section", overridable): maps by
// key, and of everything else, of intrinsic functions too, the resource's own
// wins. (Of lists SAM makes one; no property of a function that is read is one.)
func mergeGlobals(global, own *element) *element {
	if global.kind != mapElement || own.kind != mapElement {
		return own
	}
	out := &element{kind: mapElement, line: own.line}
	for _, f := range global.fields {
		if v := own.get(f.key); v != nil {
			f.value = mergeGlobals(f.value, v)
			if v == f.value {
				f.line = v.line
			}
		}
		out.fields = append(out.fields, f)
	}
	for _, f := range own.fields {
		if global.get(f.key) == nil {
			out.fields = append(out.fields, f)
		}
	}
	return out
}
